/**
 * The bytes of one connection that are not decoded yet, always contiguous.
 *
 * A list of chunks would be simpler, but a client that sends byte by byte (slowloris) would cost about 200 bytes per byte;
 * joining the chunks at each arrival would take quadratic time.
 */
import { bufferPool } from './buffer-pool.ts';

const NOTHING = Buffer.alloc(0);

export class ReadBuffer {
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** The length of the message at the start, with its framing; 0: not known. */
  expectedLength = 0;
  readonly #maxBytes: number;
  /** Readers keep no references to this memory, so it may be reused. */
  readonly #reuses: boolean;
  /** The memory is this buffer's own, not a chunk's. */
  #owns = false;

  /**
   * `maxBytes`: the size of the largest message with its framing; memory is not grown beyond it ahead of need. `reuses`:
   * readers keep no references to its memory.
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

  /** Releases the memory of bytes that were read: a few unread bytes must not keep a whole chunk alive. */
  compact(): undefined {
    if (this.length === 0) {
      this.#release();
    } else if (this.start > 0 && 2 * this.length < this.bytes.length) {
      this.#moveTo(this.length);
    }
  }

  /** Makes room for at least `needed` bytes in all. */
  #grow(needed: number): void {
    // At most 8 times what has come: announcing a large message costs a client nothing.
    const ahead =
      this.expectedLength > 0 ? Math.min(8 * needed, this.expectedLength) : Math.min(2 * needed, this.#maxBytes);
    this.#moveTo(Math.max(needed, ahead));
  }

  /** Moves the unread bytes to the start of new memory with room for `room` bytes. */
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
