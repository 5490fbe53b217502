/**
 * The bytes of one connection that came and are not decoded yet, always in one piece.
 *
 * A list of chunks would be the simpler store, but a client that sends byte by byte would then cost some 200 bytes
 * for each of its bytes; and joining the chunks at each arrival would cost a square of the message's length.
 */
import { bufferPool } from './buffer-pool.ts';

const NOTHING = Buffer.alloc(0);

export class ReadBuffer {
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** How long the message at the start is known to be, with its framing; 0: not known. */
  expectedLength = 0;
  readonly #maxBytes: number;
  /** Nobody keeps what was read from here, so its memory may be used again. */
  readonly #reuses: boolean;
  /** The memory is its own, and not that of a chunk. */
  #owns = false;

  /**
   * `most`: the size of the largest message with its framing; room is not grown beyond it ahead of need. `reuses`: whoever reads from it
   * keeps nothing of its memory.
   */
  constructor(maxBytes: number, { reuses = false } = {}) {
    this.#maxBytes = maxBytes;
    this.#reuses = reuses;
  }

  get length(): number {
    return this.end - this.start;
  }

  push(chunk: Buffer): void {
    if (this.length === 0) {
      if (this.#owns) this.#release();
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      return;
    }
    if (this.end + chunk.length > this.bytes.length) this.#grow(this.length + chunk.length);
    this.end += chunk.copy(this.bytes, this.end);
  }

  /** Gives back the memory of what was read: a few bytes must not hold on to the whole chunk that they came in. */
  compact(): undefined {
    if (this.length === 0) {
      this.#release();
    } else if (this.start > 0 && 2 * this.length < this.bytes.length) {
      this.#moveTo(this.length);
    }
  }

  /** Makes room for `needed` bytes in all, or more. */
  #grow(needed: number): void {
    // Of what is only announced no more than seven times what has come: an announcement costs its client nothing.
    const ahead =
      this.expectedLength > 0 ? Math.min(8 * needed, this.expectedLength) : Math.min(2 * needed, this.#maxBytes);
    this.#moveTo(Math.max(needed, ahead));
  }

  /** Moves what is unread to the beginning of another piece of memory, with room for so many bytes. */
  #moveTo(room: number): void {
    const { bytes, start, end } = this;
    const grown = this.#reuses ? bufferPool.acquire(room) : Buffer.allocUnsafeSlow(room);
    bytes.copy(grown, 0, start, end);
    this.#release();
    this.bytes = grown;
    this.end = end - start;
    this.#owns = true;
  }

  #release(): void {
    if (this.#owns && this.#reuses) bufferPool.release(this.bytes);
    this.#owns = false;
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
  }
}
