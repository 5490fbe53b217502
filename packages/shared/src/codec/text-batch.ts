/**
 * Decodes many short texts at once. Each decoding is a call into V8 and costs 80 ns, however short the text. ASCII is
 * decoded a batch at a time, and each text is a slice of it, which costs 10 ns.
 *
 * A batch is small because a slice keeps the whole batch in memory.
 */
import { isAscii } from 'node:buffer';

import { decodeUtf8 } from './utf8.ts';

const BATCH_BYTES = 2048;

export class TextBatch {
  #bytes: Buffer | undefined;
  #from = 0;
  #to = 0;
  /** Undefined: the batch is not all ASCII. */
  #text: string | undefined;

  /**
   * The text of `bytes[start, end)`. More texts may follow up to `available`, and `bytes` must not change until `close`.
   * Throws a non-fatal `CodecError` `bad_utf8`.
   */
  decode(bytes: Buffer, start: number, end: number, available: number): string {
    if (this.#bytes !== bytes || start < this.#from || end > this.#to) {
      // A batch gains nothing for the last text, or for one that would fill it.
      if (end === available || end - start > BATCH_BYTES / 2) return decodeUtf8(bytes, start, end);
      this.#open(bytes, start, Math.min(available, start + BATCH_BYTES));
    }
    if (this.#text === undefined) return decodeUtf8(bytes, start, end);
    return this.#text.slice(start - this.#from, end - this.#from);
  }

  /** Drops its references to the bytes and the batch. */
  close(): void {
    this.#bytes = undefined;
    this.#text = undefined;
  }

  #open(bytes: Buffer, from: number, to: number): void {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#text = isAscii(bytes.subarray(from, to)) ? bytes.toString('latin1', from, to) : undefined;
  }
}
