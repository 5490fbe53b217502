/**
 * Large buffers that are used again. A new one is cheap to allocate and expensive to fill: no cache holds its memory, and
 * the kernel may have to zero it first, as long as V8 has not freed the buffers before it.
 */

/** Smaller buffers are not worth pooling. */
const MIN_POOLED_BYTES = 32_768;

/** The pool holds no more than this. */
const MAX_POOL_BYTES = 4 * 2 ** 20;

/** A buffer may be this much larger than asked for: memory limits count it as if it were not. */
const MAX_EXCESS_BYTES = 1024;

export class BufferPool {
  /** In the order of their release. */
  readonly #buffers: Buffer[] = [];
  #bytes = 0;

  /** A buffer of at least `bytes` bytes, with undefined content. */
  acquire(bytes: number): Buffer {
    if (bytes < MIN_POOLED_BYTES) return Buffer.allocUnsafeSlow(bytes);
    const fits = ({ length }: Buffer) => length >= bytes && length <= bytes + MAX_EXCESS_BYTES;
    // The one that was released last is likeliest to be in a cache.
    const index = this.#buffers.findLastIndex(fits);
    if (index < 0) return Buffer.allocUnsafeSlow(bytes);
    const [buffer] = this.#buffers.splice(index, 1) as [Buffer];
    this.#bytes -= buffer.length;
    return buffer;
  }

  /** After this nobody may read the buffer again, or any view of it. */
  release(buffer: Buffer): void {
    const { length } = buffer;
    if (length < MIN_POOLED_BYTES || length > MAX_POOL_BYTES) return;
    this.#buffers.push(buffer);
    this.#bytes += length;
    // The oldest are of a size that nobody asks for any more.
    while (this.#bytes > MAX_POOL_BYTES) this.#bytes -= this.#buffers.shift()!.length;
  }
}

/** One pool for the process. */
export const bufferPool = new BufferPool();
