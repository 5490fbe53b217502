/**
 * The bytes of one connection that came and are not decoded yet, always in one piece.
 *
 * A list of chunks would be the simpler store, but a caller that sends byte by byte would then cost some 200 bytes
 * for each of its bytes; and joining the chunks at each arrival would cost a square of the message's length.
 */
const NOTHING = Buffer.alloc(0);

export class Unread {
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** How long the message at the start is known to be, with its framing; 0: not known. */
  expected = 0;
  readonly #most: number;

  /** `most`: the size of the largest message with its framing; room is not grown beyond it ahead of need. */
  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.end - this.start;
  }

  push(chunk: Buffer): void {
    if (this.length === 0) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      return;
    }
    if (this.end + chunk.length > this.bytes.length) this.#grow(this.length + chunk.length);
    this.end += chunk.copy(this.bytes, this.end);
  }

  /** Gives back the memory of what was read: a few bytes must not hold on to the whole chunk that they came in. */
  tidy(): void {
    if (this.length === 0) {
      this.bytes = NOTHING;
      this.start = 0;
      this.end = 0;
    } else if (this.start > 0 && 2 * this.length < this.bytes.length) {
      this.#grow(this.length);
    }
  }

  /** Moves what is unread to the beginning of a new piece of memory with room for `needed` bytes or more. */
  #grow(needed: number): void {
    // Of what is only announced no more than seven times what has come: an announcement costs its caller nothing.
    const room = Math.max(needed, Math.min(2 * needed, this.#most), Math.min(8 * needed, this.expected));
    const grown = Buffer.allocUnsafeSlow(room);
    this.bytes.copy(grown, 0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
    this.bytes = grown;
  }
}
