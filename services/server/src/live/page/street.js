/** The street: a house for each client, and a line to the server's door for each open socket. */
import { byId, element, show, svg } from './elements.js';
import { grouped, MAX_HOUSES } from './houses.js';
import { ONE_WAY_MS } from './travel.js';
import { plural } from './words.js';

/** @typedef {import('./houses.js').Group} Group */
/** @typedef {import('./houses.js').House} House */

/** A call may take a hundredth of a second: it is shown for as long as its message and reply travel. */
const SHOWN_MS = 2 * ONE_WAY_MS;

/** With more houses only the chosen one's texts travel: more would cover each other. */
const MOST_TEXTS = 4;

/**
 * @typedef {object} Shown
 * @property {HTMLButtonElement} button
 * @property {House} house the one whose state is shown
 * @property {HTMLElement} name
 * @property {HTMLElement} protocol
 * @property {HTMLElement} state
 * @property {Element} line
 */

export class Street {
  /** @type {Map<string, Shown>} */
  #shown = new Map();
  /** Maps each house to its group. @type {Map<string, string>} */
  #groupOf = new Map();
  #chosen = '';
  #choose;

  /** @param {(house: House) => void} choose called with the chosen house */
  constructor(choose) {
    this.#choose = choose;
    new ResizeObserver(() => this.#placeLines()).observe(byId('scene'));
  }

  /** @param {string} key */
  markChosen(key) {
    this.#chosen = key;
    for (const [shownKey, { button }] of this.#shown) button.setAttribute('aria-pressed', String(shownKey === key));
  }

  /** @param {House[]} houses @param {number} now */
  draw(houses, now) {
    const groups = grouped(houses);
    this.#groupOf = new Map(groups.flatMap((group) => group.houses.map((house) => [house.key, group.key])));
    const keys = new Set(groups.map(({ key }) => key));
    let moved = false;
    for (const [key, shown] of this.#shown) {
      if (keys.has(key)) continue;
      shown.button.remove();
      shown.line.remove();
      this.#shown.delete(key);
      moved = true;
    }
    for (const [place, group] of groups.entries()) {
      if (!this.#shown.has(group.key)) moved = true;
      this.#drawGroup(group, place, now);
    }
    byId('scene').dataset['crowd'] = groups.length > 40 ? 'large' : groups.length > 12 ? 'middle' : 'small';
    byId('nobody').hidden = groups.length > 0;
    const isGrouped = houses.length > MAX_HOUSES;
    byId('grouped').hidden = !isGrouped;
    if (isGrouped) show(byId('grouped'), `${houses.length} clients do not fit: a house may stand for many of them.`);
    if (moved) this.#placeLines();
  }

  /** Where a message starts and ends. @param {string} key of a house @returns {{ from: DOMPoint, to: DOMPoint, line: Element, legible: boolean } | undefined} */
  way(key) {
    const group = this.#groupOf.get(key) ?? '';
    const shown = this.#shown.get(group);
    if (!shown) return undefined;
    const legible = this.#shown.size <= MOST_TEXTS || group === this.#chosen;
    return { from: side(shown.button), to: centre(byId('door')), line: shown.line, legible };
  }

  /** @param {Group} group @param {number} place @param {number} now */
  #drawGroup(group, place, now) {
    const shown = this.#shown.get(group.key) ?? this.#build(group);
    const parent = byId('houses');
    if (parent.children[place] !== shown.button) parent.insertBefore(shown.button, parent.children[place] ?? null);
    const house = group.houses.find(({ closedAt }) => closedAt === undefined) ?? group.houses[0];
    const { client } = house;
    const state = stateOf(house, now);
    shown.house = house;
    shown.button.dataset['state'] = state;
    shown.line.classList.toggle('open', state !== 'closed');
    shown.line.setAttribute('data-state', state);
    const many = group.houses.length > 1 ? ` × ${group.houses.length}` : '';
    show(shown.name, `${group.name}${many}`);
    show(shown.protocol, `${client.protocol ?? 'no protocol yet'}${client.tls ? ' in TLS' : ''}`);
    show(shown.state, state === 'closed' && client.reason ? `closed: ${client.reason}` : state);
    shown.button.title = `${client.address}, ${plural(house.calls, 'call')} so far: show its bytes`;
  }

  /** @param {Group} group @returns {Shown} */
  #build({ key, houses: [house] }) {
    const name = element('span', { class: 'name' });
    const protocol = element('span', { class: 'protocol' });
    const state = element('span', { class: 'state' });
    const button = element('button', { class: 'house' }, [roof(), name, protocol, state]);
    button.type = 'button';
    button.setAttribute('aria-pressed', String(key === this.#chosen));
    const line = svg('line', {});
    byId('wires').append(line);
    const shown = { button, house, name, protocol, state, line };
    button.addEventListener('click', () => this.#choose(shown.house));
    this.#shown.set(key, shown);
    return shown;
  }

  /** Draws each line from its house to the door. */
  #placeLines() {
    const to = centre(byId('door'));
    for (const { button, line } of this.#shown.values()) {
      const from = side(button);
      for (const [name, value] of Object.entries({ x1: from.x, y1: from.y, x2: to.x, y2: to.y })) {
        line.setAttribute(name, String(Math.round(value)));
      }
    }
  }
}

/** @param {House} house @param {number} now */
function stateOf({ client, closedAt }, now) {
  return closedAt !== undefined && client.messages > 0 && now - closedAt < SHOWN_MS ? 'talking' : client.state;
}

function roof() {
  const shape = { viewBox: '0 0 60 22', preserveAspectRatio: 'none', 'aria-hidden': 'true', class: 'roof' };
  const drawing = svg('svg', shape);
  drawing.append(svg('path', { d: 'M2 22 30 3l28 19Z' }));
  return drawing;
}

/** The middle of an element, in the coordinates of the scene. @param {Element} shown */
function centre(shown) {
  return point(shown, 0.5);
}

/** The right side of a house, where travelling texts do not hide its name. @param {Element} shown */
function side(shown) {
  return point(shown, 0.94);
}

/** @param {Element} shown @param {number} share of its width */
function point(shown, share) {
  const scene = byId('scene').getBoundingClientRect();
  const box = shown.getBoundingClientRect();
  return new DOMPoint(box.x + box.width * share - scene.x, box.y + box.height / 2 - scene.y);
}
