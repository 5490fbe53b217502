/**
 * Cuts many short texts out of one piece of memory. To decode one is a call into V8 and costs 80 ns, however short it is; so
 * ASCII is decoded for a whole batch at once, and each text is cut out of that, in 10 ns.
 *
 * A batch is small, since whoever keeps a text that was cut out keeps the whole batch in memory.
 */
import { isAscii } from 'node:buffer';

import { decodeUtf8 } from './utf8.ts';

const BATCH_BYTES = 2048;

export class TextBatch {
  #bytes: Buffer | undefined;
  #from = 0;
  #to = 0;
  /** Undefined: there is something in the batch that is not ASCII. */
  #text: string | undefined;

  /**
   * The text of `bytes[start, end)`, where `bytes` holds more that will be asked for up to `available`, and does not change.
   * Throws a `CodecError` `bad_utf8` that is not fatal.
   */
  decode(bytes: Buffer, start: number, end: number, available: number): string {
    if (this.#bytes !== bytes || start < this.#from || end > this.#to) {
      // For the last one, or for one that fills a batch, there is nothing to gain.
      if (end === available || end - start > BATCH_BYTES / 2) return decodeUtf8(bytes, start, end);
      this.#open(bytes, start, Math.min(available, start + BATCH_BYTES));
    }
    if (this.#text === undefined) return decodeUtf8(bytes, start, end);
    return this.#text.slice(start - this.#from, end - this.#from);
  }

  /** Lets go of the memory that it has seen. */
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
