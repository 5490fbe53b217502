/** Decodes a chunked body as it comes (RFC 9112 section 7.1). */
import { ReadBuffer } from '../read-buffer.ts';
import type { HeadDecoder } from './head.ts';
import { badRequest, type HttpError } from './http-error.ts';
import { takeLine } from './line.ts';

/** The chunk-size line, in bytes, without CR LF. */
const MAX_CHUNK_LINE_BYTES = 256;

/** RFC 9112 section 7.1.1, without white space around `;` and `=`: few senders use it, and parsers disagree about it. */
const CHUNK_LINE =
  /^(?<size>[\da-f]+)(?<extensions>(?:;[!#$%&'*+.^`|~\w-]+(?:=(?:[!#$%&'*+.^`|~\w-]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)*)$/i;

const lineTooLong = () => badRequest(`the chunk-size line exceeds ${MAX_CHUNK_LINE_BYTES} bytes`);
const chunkTooLong = () => badRequest('a chunk is longer than its announced size');

export class ChunkedBody {
  /** The content so far. */
  readonly #content: ReadBuffer;
  readonly #maxBytes: number;
  readonly #head: HeadDecoder<unknown>;
  readonly #tooLarge: (maxBytes: number) => HttpError;
  #expects: 'size' | 'data' | 'data-end' | 'trailers' = 'size';
  /** Bytes of the chunk that have not come. */
  #missing = 0;

  constructor(maxBytes: number, head: HeadDecoder<unknown>, tooLarge: (maxBytes: number) => HttpError) {
    this.#maxBytes = maxBytes;
    this.#head = head;
    this.#tooLarge = tooLarge;
    this.#content = new ReadBuffer(maxBytes);
  }

  /** Takes what has come from `input`. Returns the content once the body is complete. Throws an {@link HttpError}. */
  decode(input: ReadBuffer): Buffer | undefined {
    while (this.#expects !== 'trailers') {
      if (!this.#takePart(input)) return undefined;
    }
    if (!this.#head.decodeTrailers(input)) return undefined;
    return this.#content.bytes.subarray(this.#content.start, this.#content.end);
  }

  /** False: the part is not complete. */
  #takePart(input: ReadBuffer): boolean {
    if (this.#expects === 'data') return this.#takeData(input);
    const isSize = this.#expects === 'size';
    const line = isSize ? takeLine(input, MAX_CHUNK_LINE_BYTES, lineTooLong) : takeLine(input, 0, chunkTooLong);
    if (line !== undefined) this.#expects = isSize ? this.#startChunk(line) : 'size';
    return line !== undefined;
  }

  #startChunk(line: string): 'data' | 'trailers' {
    const { size, extensions } = CHUNK_LINE.exec(line)?.groups ?? {};
    if (size === undefined) throw badRequest('invalid chunk size or chunk extension: the size is hexadecimal');
    this.#head.spend(extensions!.length);
    // Inexact beyond 2^53, but that is far above any limit.
    this.#missing = Number.parseInt(size, 16);
    if (this.#content.length + this.#missing > this.#maxBytes) throw this.#tooLarge(this.#maxBytes);
    return this.#missing === 0 ? 'trailers' : 'data';
  }

  #takeData(input: ReadBuffer): boolean {
    const { bytes, start } = input;
    const data = bytes.subarray(start, start + Math.min(this.#missing, input.length));
    // ReadBuffer keeps the first piece without a copy, in memory that is not ours: copied here.
    if (data.length > 0) this.#content.push(this.#content.length === 0 ? Buffer.from(data) : data);
    input.start += data.length;
    this.#missing -= data.length;
    if (this.#missing === 0) this.#expects = 'data-end';
    return this.#missing === 0;
  }
}
