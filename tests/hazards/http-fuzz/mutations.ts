/** Mutates streams at random places, and splits them. */
import type { Random } from '../../support/random.ts';

const TOKENS = ['\r', '\n', '\r\n', ' ', '\t', ':', ',', ';', '0', '+', '\0', '"', '\\'];
const LONGEST_PIECE = 20;

/** In Latin-1: `text` is the stream, `at` an offset, `end` one shortly after it. */
type Mutation = (stream: { text: string; at: number; end: number }, random: Random) => string;

const MUTATIONS: readonly Mutation[] = [
  // Removed, doubled, or truncated.
  ({ text, at, end }) => text.slice(0, at) + text.slice(end),
  ({ text, at, end }) => text.slice(0, end) + text.slice(at),
  ({ text, at }) => text.slice(0, at),
  // A byte inserted, or one bit flipped.
  ({ text, at }, random) => text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at),
  ({ text, at }, random) => {
    const flipped = (text.charCodeAt(at) || 0) ^ (1 << random.below(8));
    return text.slice(0, at) + String.fromCharCode(flipped) + text.slice(at + 1);
  },
  // A delimiter inserted, or in place of a byte.
  ({ text, at }, random) => text.slice(0, at) + random.oneOf(TOKENS) + text.slice(at + random.below(2)),
  // A whole line doubled, here or elsewhere.
  ({ text, at }, random) => {
    const lines = text.slice(at).split('\r\n');
    return `${text.slice(0, at)}${random.oneOf(lines)}\r\n${text.slice(at)}`;
  },
];

/** Three in four streams stay unchanged. */
export function mutate(text: string, random: Random): string {
  let mutated = text;
  for (let count = random.oneIn(4) ? 1 + random.below(3) : 0; count > 0; count -= 1) {
    const at = random.below(mutated.length + 1);
    mutated = random.oneOf(MUTATIONS)({ text: mutated, at, end: at + random.below(LONGEST_PIECE) }, random);
  }
  return mutated;
}

/** Pieces of any length, many of one byte, each in its own buffer, as from a socket. */
export function cutAtRandom(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const longest = random.oneOf([1, 8, 8, bytes.length]);
    const end = at + 1 + random.below(longest);
    pieces.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return pieces;
}
