/** Decodes the head of one request or response, line by line as it comes, and its trailers. */
import type { ReadBuffer } from '../read-buffer.ts';
import { Fields } from './fields.ts';
import { badRequest, HttpError } from './http-error.ts';
import { CR, findLineEnd, LF, LINE_END_BYTES, textOf } from './line.ts';

/** Without CR LF: the minimum that RFC 9112 section 3 recommends. */
const MAX_FIRST_LINE_BYTES = 8000;
/** Includes empty lines before it, chunk extensions and trailers (RFC 6585 section 5). */
const MAX_HEAD_BYTES = 16_384;
const MAX_FIELDS = 100;

const HEAD_END = Buffer.from('\r\n\r\n');
/** The head has already decided what these say (RFC 9110 section 6.5.1). */
const FORBIDDEN_TRAILERS =
  /^(?:authorization|connection|content-length|content-type|expect|host|proxy-connection|transfer-encoding)$/;

/** The difference between the heads of requests and of responses: the first line. */
export class HeadFormat<Line> {
  readonly kind: 'request' | 'response';
  /** Throws an {@link HttpError}. */
  readonly parseLine: (line: string) => Line;
  readonly lineTooLong: () => HttpError;

  constructor(
    kind: 'request' | 'response',
    parseLine: (line: string) => Line,
    lineTooLong: (maxBytes: number) => HttpError,
  ) {
    this.kind = kind;
    this.parseLine = parseLine;
    this.lineTooLong = () => lineTooLong(MAX_FIRST_LINE_BYTES);
  }

  readonly tooLarge = () =>
    new HttpError(431, `the head of the ${this.kind} exceeds ${MAX_HEAD_BYTES} bytes: send fewer or shorter fields`);
}

export class HeadDecoder<Line> {
  /** The first line, once it has come. */
  line: Line | undefined;
  readonly #format: HeadFormat<Line>;
  readonly #fields = new Fields();
  #trailers: Fields | undefined;
  #bytesLeft = MAX_HEAD_BYTES;

  constructor(format: HeadFormat<Line>) {
    this.#format = format;
  }

  /** Takes complete lines from `input`. Returns the fields once all have come. Throws an {@link HttpError}. */
  decode(input: ReadBuffer): Fields | undefined {
    if (this.line === undefined) this.#skipEmptyLines(input);
    const text = textOf(input, Math.min(this.#headLength(input), MAX_HEAD_BYTES));
    let at = 0;
    if (this.line === undefined) {
      const end = findLineEnd(text, at, MAX_FIRST_LINE_BYTES, this.#format.lineTooLong);
      if (end < 0) return undefined;
      this.line = this.#format.parseLine(text.slice(at, end));
      at = end + LINE_END_BYTES;
    }
    return this.#takeFields(input, text, at, this.#fields) ? this.#fields : undefined;
  }

  /** Takes complete lines from `input`. True: all trailers have come. They are dropped (RFC 9112 section 7.1.2). */
  decodeTrailers(input: ReadBuffer): boolean {
    return this.#takeFields(input, textOf(input, MAX_HEAD_BYTES), 0, (this.#trailers ??= new Fields()));
  }

  /** Counts bytes as part of the head. */
  spend(bytes: number): void {
    this.#bytesLeft -= bytes;
    if (this.#bytesLeft < 0) throw this.#format.tooLarge();
  }

  /** RFC 9112 section 2.2. A CR at the end stays until the next byte has come. */
  #skipEmptyLines(input: ReadBuffer): void {
    const { bytes, end } = input;
    let { start } = input;
    while (start + 1 < end && bytes[start] === CR && bytes[start + 1] === LF) start += LINE_END_BYTES;
    this.spend(start - input.start);
    input.start = start;
  }

  /** How many bytes of `input` may belong to the head. If all of it has come, one search finds its end. */
  #headLength({ bytes, start, end, length }: ReadBuffer): number {
    const found = this.line === undefined ? bytes.indexOf(HEAD_END, start) : -1;
    // The buffer may hold old bytes beyond `end`.
    return found >= 0 && found + HEAD_END.length <= end ? found + HEAD_END.length - start : length;
  }

  /** Takes `at` bytes and the lines after them from `input`, which begins with `text`. True: an empty line ended the fields. */
  #takeFields(input: ReadBuffer, text: string, at: number, fields: Fields): boolean {
    let start = at;
    for (;;) {
      const end = findLineEnd(text, start, this.#bytesLeft - start - LINE_END_BYTES, this.#format.tooLarge);
      const next = end < 0 ? start : end + LINE_END_BYTES;
      if (end <= start) {
        this.spend(next);
        input.start += next;
        return end === start;
      }
      this.#addField(text, start, end, fields);
      start = next;
    }
  }

  #addField(text: string, start: number, end: number, fields: Fields): void {
    const name = fields.addLine(text, start, end);
    if (this.#fields.names.length + (this.#trailers?.names.length ?? 0) > MAX_FIELDS) {
      throw new HttpError(431, `the ${this.#format.kind} has more than ${MAX_FIELDS} fields: send fewer`);
    }
    if (fields === this.#trailers && FORBIDDEN_TRAILERS.test(name)) {
      throw badRequest('forbidden trailer: this field belongs in the head');
    }
  }
}
