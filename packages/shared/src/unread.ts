/**
 * The bytes of one connection that came and are not decoded yet, always in one piece.
 *
 * A list of chunks would be the simpler store, but a client that sends byte by byte would then cost some 200 bytes
 * for each of its bytes; and joining the chunks at each arrival would cost a square of the message's length.
 */
import { borrow, giveBack } from './spare.ts';

const NOTHING = Buffer.alloc(0);

export class Unread {
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** How long the message at the start is known to be, with its framing; 0: not known. */
  expected = 0;
  readonly #most: number;
  /** Nobody keeps what was read from here, so its memory may be used again. */
  readonly #reuses: boolean;
  /** The memory is its own, and not that of a chunk. */
  #owns = false;

  /**
   * `most`: the size of the largest message with its framing; room is not grown beyond it ahead of need. `reuses`: whoever reads from it
   * keeps nothing of its memory.
   */
  constructor(most: number, { reuses = false } = {}) {
    this.#most = most;
    this.#reuses = reuses;
  }

  get length(): number {
    return this.end - this.start;
  }

  push(chunk: Buffer): void {
    if (this.length === 0) {
      if (this.#owns) this.#letGo();
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      return;
    }
    if (this.end + chunk.length > this.bytes.length) this.#grow(this.length + chunk.length);
    this.end += chunk.copy(this.bytes, this.end);
  }

  /** Gives back the memory of what was read: a few bytes must not hold on to the whole chunk that they came in. */
  tidy(): undefined {
    if (this.length === 0) {
      this.#letGo();
    } else if (this.start > 0 && 2 * this.length < this.bytes.length) {
      this.#moveTo(this.length);
    }
  }

  /** Makes room for `needed` bytes in all, or more. */
  #grow(needed: number): void {
    // Of what is only announced no more than seven times what has come: an announcement costs its client nothing.
    const ahead = this.expected > 0 ? Math.min(8 * needed, this.expected) : Math.min(2 * needed, this.#most);
    this.#moveTo(Math.max(needed, ahead));
  }

  /** Moves what is unread to the beginning of another piece of memory, with room for so many bytes. */
  #moveTo(room: number): void {
    const { bytes, start, end } = this;
    const grown = this.#reuses ? borrow(room) : Buffer.allocUnsafeSlow(room);
    bytes.copy(grown, 0, start, end);
    this.#letGo();
    this.bytes = grown;
    this.end = end - start;
    this.#owns = true;
  }

  #letGo(): void {
    if (this.#owns && this.#reuses) giveBack(this.bytes);
    this.#owns = false;
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
  }
}
