/** Messages and replies that travel between a house and the door. */
import { byId, element } from './elements.js';

/** @typedef {NonNullable<ReturnType<import('./street.js').Street['way']>>} Way */
/** @typedef {NonNullable<import('../connection-sampler.ts').ConnectionUpdate['exchange']>} Exchange */

/** The time from a house to the door, slow enough for people to see. */
export const ONE_WAY_MS = 350;
const MAX_TRAVELLERS = 60;
const MAX_LETTERS = 28;

let travellers = 0;

/** @param {Way} way @param {Exchange} exchange */
export async function travel(way, { message, reply, error }) {
  await goes(way.from, way.to, 'message', way.legible ? message : '');
  if (reply !== undefined) await goes(way.to, way.from, 'reply', way.legible ? reply : '');
  else if (error !== undefined) await goes(way.to, way.from, 'error', way.legible ? error : '');
}

/** @param {DOMPoint} from @param {DOMPoint} to @param {string} kind @param {string} text */
async function goes(from, to, kind, text) {
  if (travellers >= MAX_TRAVELLERS || document.hidden) return;
  travellers += 1;
  const letters = text.length > MAX_LETTERS ? `${text.slice(0, MAX_LETTERS)}…` : text;
  const traveller = element('span', { class: `traveller ${kind}`, text: letters });
  byId('travellers').append(traveller);
  const [start, end] = [from, to].map((point) => within(traveller, point));
  // With reduced motion each appears where it arrives.
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const frames = still ? [{ transform: end }, { transform: end }] : [{ transform: start }, { transform: end }];
  try {
    await traveller.animate(frames, { duration: ONE_WAY_MS, easing: 'ease-in-out' }).finished;
  } finally {
    traveller.remove();
    travellers -= 1;
  }
}

/** Centres it on the point, or as near as fits: a long text at the edge must not widen the page. @param {HTMLElement} traveller @param {DOMPoint} point */
function within(traveller, { x, y }) {
  const half = traveller.offsetWidth / 2;
  const middle = Math.max(half, Math.min(x, byId('travellers').offsetWidth - half));
  return `translate(${middle}px, ${y}px) translate(-50%, -50%)`;
}
