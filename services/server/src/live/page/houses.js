/** Who lives where: connections come and go, and a client's house stays for as long as it may be expected back. */

/** @typedef {import('../connection-sampler.ts').ConnectionUpdate} ClientNews */

/**
 * @typedef {object} House
 * @property {string} key
 * @property {number} number among those of its address, from 1
 * @property {string} address
 * @property {string} name
 * @property {ClientNews} client its connection, or the last one that it had
 * @property {number} calls how many connections it has had
 * @property {number} openedAt when the last one was first heard of, in milliseconds
 * @property {number | undefined} closedAt when it was closed
 * @property {number | undefined} gap from the one before it to the last one, in milliseconds
 */

/** How long a house is shown whose client may never come back, and may not have been looked at yet. */
const STAYS_MS = 10_000;
/** How late a client may be that comes again and again. */
const LATE_MS = 500;
const LATE_SHARE = 1.2;

export class Houses {
  /** @type {Map<string, House>} */
  #houses = new Map();

  /** In the order in which people count: client-2 before client-10. */
  get all() {
    return [...this.#houses.values()].toSorted(
      (one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }) || one.key.localeCompare(other.key),
    );
  }

  clear() {
    this.#houses.clear();
  }

  /**
   * Takes in what is new of a connection. Returns its house; undefined: it has none.
   * @param {ClientNews} client @param {number} now in milliseconds
   */
  hear(client, now) {
    const own = this.#houseOf(client);
    if (client.state === 'hidden') {
      if (own) this.#houses.delete(own.key);
      return undefined;
    }
    const house = own ?? this.#moveIn(client, now);
    house.client = client;
    // Clients from one address are told apart as the network does it.
    house.name = house.number === 1 ? (client.name ?? client.address) : `port ${client.port}`;
    house.closedAt = client.state === 'closed' ? now : undefined;
    return house;
  }

  /** Whoever is not among those that are open has closed meanwhile. @param {ClientNews[]} open @param {number} now */
  keepOpen(open, now) {
    const ids = new Set(open.map(({ id }) => id));
    for (const house of this.#houses.values()) {
      if (house.closedAt !== undefined || ids.has(house.client.id)) continue;
      house.closedAt = now;
      house.client = { ...house.client, state: 'closed' };
    }
  }

  /** Takes away the houses whose clients do not come back. @param {number} now */
  leave(now) {
    for (const { key, closedAt, gap } of this.#houses.values()) {
      const stays = gap === undefined ? STAYS_MS : Math.min(STAYS_MS, gap * LATE_SHARE + LATE_MS);
      if (closedAt !== undefined && now - closedAt > stays) this.#houses.delete(key);
    }
  }

  /** @param {ClientNews} client */
  #houseOf({ id, address }) {
    return [...this.#houses.values()].find((house) => house.client.id === id && house.address === address);
  }

  /** Into the first house of its address that is empty, since a client that comes again comes from the same one. @param {ClientNews} client @param {number} now @returns {House} */
  #moveIn(client, now) {
    for (let number = 1; ; number += 1) {
      const key = `${client.address} ${number}`;
      const before = this.#houses.get(key);
      if (before && before.closedAt === undefined) continue;
      const { address } = client;
      const gap = before && now - before.openedAt;
      const calls = (before?.calls ?? 0) + 1;
      const house = { key, number, address, name: address, client, calls, openedAt: now, closedAt: undefined, gap };
      this.#houses.set(key, house);
      return house;
    }
  }
}

/** One house each up to this many; above, one for each replica, and above that, one for each service. */
export const MAX_HOUSES = 100;

/**
 * What is drawn as one: a house, or many of them.
 * @typedef {{ key: string, name: string, houses: [House, ...House[]] }} Group
 */

/** @param {House[]} houses @returns {Group[]} */
export function grouped(houses) {
  if (houses.length <= MAX_HOUSES)
    return houses.map((house) => ({ key: house.key, name: house.name, houses: [house] }));
  const byReplica = groupBy(houses, ({ address }) => address);
  return byReplica.length <= MAX_HOUSES ? byReplica : groupBy(houses, ({ name }) => name.replace(/-\d+$/, ''));
}

/** @param {House[]} houses @param {(house: House) => string} by @returns {Group[]} */
function groupBy(houses, by) {
  /** @type {Map<string, [House, ...House[]]>} */
  const groups = new Map();
  for (const house of houses) {
    const group = groups.get(by(house));
    if (group) group.push(house);
    else groups.set(by(house), [house]);
  }
  return Array.from(groups, ([key, members]) => {
    // Of one replica its first house has the plain name; a service is called by what its replicas have in common.
    return { key, name: members.every(({ address }) => address === key) ? members[0].name : key, houses: members };
  });
}
