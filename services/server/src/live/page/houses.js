/** A house for each client. Connections come and go; the house stays for as long as its client may come back. */

/** @typedef {import('../connection-sampler.ts').ConnectionUpdate} ConnectionUpdate */

/**
 * @typedef {object} House
 * @property {string} key
 * @property {number} number among those of its address, from 1
 * @property {string} address
 * @property {string} name
 * @property {ConnectionUpdate} client its current or last connection
 * @property {number} calls how many connections it has had so far
 * @property {number} openedAt when the last one opened, in milliseconds
 * @property {number | undefined} closedAt when that one closed
 * @property {number | undefined} gap between the opening of the last two, in milliseconds
 */

/** How long a house stays after its client has gone, if no return is expected. */
const STAYS_MS = 10_000;
/** How late a regular client may be: this long, and this share of its gap. */
const LATE_MS = 500;
const LATE_SHARE = 1.2;

export class Houses {
  /** @type {Map<string, House>} */
  #houses = new Map();

  /** In natural order: client-2 before client-10. */
  get all() {
    return [...this.#houses.values()].toSorted(
      (one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }) || one.key.localeCompare(other.key),
    );
  }

  clear() {
    this.#houses.clear();
  }

  /**
   * Handles an update. Returns the client's house; undefined: it has none.
   * @param {ConnectionUpdate} client @param {number} now in milliseconds
   */
  hear(client, now) {
    const own = this.#houseOf(client);
    if (client.state === 'hidden') {
      if (own) this.#houses.delete(own.key);
      return undefined;
    }
    const house = own ?? this.#moveIn(client, now);
    house.client = client;
    // Clients from one address differ by port.
    house.name = house.number === 1 ? (client.name ?? client.address) : `port ${client.port}`;
    house.closedAt = client.state === 'closed' ? now : undefined;
    return house;
  }

  /** Marks all other houses as closed. @param {ConnectionUpdate[]} open @param {number} now */
  keepOpen(open, now) {
    const ids = new Set(open.map(({ id }) => id));
    for (const house of this.#houses.values()) {
      if (house.closedAt !== undefined || ids.has(house.client.id)) continue;
      house.closedAt = now;
      house.client = { ...house.client, state: 'closed' };
    }
  }

  /** Removes the houses whose clients did not come back. @param {number} now */
  leave(now) {
    for (const { key, closedAt, gap } of this.#houses.values()) {
      const stays = gap === undefined ? STAYS_MS : Math.min(STAYS_MS, gap * LATE_SHARE + LATE_MS);
      if (closedAt !== undefined && now - closedAt > stays) this.#houses.delete(key);
    }
  }

  /** @param {ConnectionUpdate} client */
  #houseOf({ id, address }) {
    return [...this.#houses.values()].find((house) => house.client.id === id && house.address === address);
  }

  /** Reuses the first empty house of its address: most likely the same client is back. @param {ConnectionUpdate} client @param {number} now @returns {House} */
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

/** Above this many houses there is one for each replica, and above this many replicas, one for each service. */
export const MAX_HOUSES = 100;

/**
 * Drawn as one: a house, or many of them.
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
    // A replica is named by its first house, a service by the common part of its replicas' names.
    return { key, name: members.every(({ address }) => address === key) ? members[0].name : key, houses: members };
  });
}
