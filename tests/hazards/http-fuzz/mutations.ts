/** Spoils streams at random places, and cuts them there. */
import type { Random } from '../../support/random.ts';

const TOKENS = ['\r', '\n', '\r\n', ' ', '\t', ':', ',', ';', '0', '+', '\0', '"', '\\'];
const LONGEST_PIECE = 20;

/** In Latin-1: `text` is the stream, `at` a place in it, `end` one that is not far behind. */
type Mutation = (stream: { text: string; at: number; end: number }, random: Random) => string;

const MUTATIONS: readonly Mutation[] = [
  // Left out, doubled, or the stream ends.
  ({ text, at, end }) => text.slice(0, at) + text.slice(end),
  ({ text, at, end }) => text.slice(0, end) + text.slice(at),
  ({ text, at }) => text.slice(0, at),
  // A byte is put in, or one bit of it flips.
  ({ text, at }, random) => text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at),
  ({ text, at }, random) => {
    const flipped = (text.charCodeAt(at) || 0) ^ (1 << random.below(8));
    return text.slice(0, at) + String.fromCharCode(flipped) + text.slice(at + 1);
  },
  // What parsers look at is put in, or in the place of a byte.
  ({ text, at }, random) => text.slice(0, at) + random.oneOf(TOKENS) + text.slice(at + random.below(2)),
  // A whole line comes twice, or twice somewhere else.
  ({ text, at }, random) => {
    const lines = text.slice(at).split('\r\n');
    return `${text.slice(0, at)}${random.oneOf(lines)}\r\n${text.slice(at)}`;
  },
];

/** Three streams in four stay as they are. */
export function mutate(text: string, random: Random): string {
  let mutated = text;
  for (let count = random.oneIn(4) ? 1 + random.below(3) : 0; count > 0; count -= 1) {
    const at = random.below(mutated.length + 1);
    mutated = random.oneOf(MUTATIONS)({ text: mutated, at, end: at + random.below(LONGEST_PIECE) }, random);
  }
  return mutated;
}

/** Pieces of any length, many of a single byte, each in memory of its own, as a socket gives them. */
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
