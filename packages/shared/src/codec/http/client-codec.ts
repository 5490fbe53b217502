/** The client's half of HTTP/1.1 (RFC 9110 and 9112): messages to requests, bytes to responses. */
import { type Codec, CodecError } from '../codec.ts';
import { ReadBuffer } from '../read-buffer.ts';
import { assertWellFormed } from '../utf8.ts';
import type { WriteBuffer } from '../write-buffer.ts';
import { ChunkedBody } from './body.ts';
import { type Fields, persists } from './fields.ts';
import { HeadDecoder, HeadFormat } from './head.ts';
import { HttpError } from './http-error.ts';
import { takeBytes } from './line.ts';

export interface ReceivedResponse {
  readonly status: number;
  readonly fields: Fields;
  /** A view: valid until bytes are pushed. */
  readonly body: Buffer;
  /** The server takes further requests on this connection. */
  readonly keepAlive: boolean;
}

type StatusLine = { version: '1.0' | '1.1'; status: number };

const RESPONSE_HEAD = new HeadFormat(
  'response',
  parseStatusLine,
  (maxBytes) => new HttpError(431, `the status line exceeds ${maxBytes} bytes`),
);
/** RFC 9112 section 4. The reason phrase is optional, and ignored. */
const STATUS_LINE = /^HTTP\/(?<version>1\.[01]) (?<status>[1-5]\d\d)(?: .*)?$/;
const DECIMAL = /^\d+$/;
const tooLarge = (maxBytes: number) => new HttpError(413, `the body of the response exceeds ${maxBytes} bytes`);

/** A response whose head has come, but not its body. */
interface Incoming extends Omit<ReceivedResponse, 'body'> {
  /** What ends the body: its length in bytes, its last chunk, or the end of the stream. */
  readonly framing: number | ChunkedBody | 'close';
}

/** Requests are `POST /` with a message as the body. `next` and `end` throw a `CodecError` for an invalid response. */
export class HttpClientCodec implements Codec<ReceivedResponse, never> {
  readonly idleEndsMessage = false;
  readonly #maxBodyBytes: number;
  readonly #requestHead: string;
  readonly #input: ReadBuffer;
  #head = new HeadDecoder(RESPONSE_HEAD);
  #incoming: Incoming | undefined;

  /** `host`: the value of `Host`, without a default port (RFC 9110 section 7.2). */
  constructor({ host, maxBodyBytes }: { host: string; maxBodyBytes: number }) {
    this.#maxBodyBytes = maxBodyBytes;
    this.#requestHead = `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: `;
    this.#input = new ReadBuffer(maxBodyBytes, { reuses: true });
  }

  get hasPartial(): boolean {
    return this.#incoming !== undefined || this.#head.line !== undefined || this.#input.length > 0;
  }

  push(bytes: Buffer): void {
    this.#input.push(bytes);
  }

  /** The next final response. Interim ones are skipped (RFC 9110 section 15.2). */
  next(): ReceivedResponse | undefined {
    while (this.#incoming === undefined) {
      const fields = this.#head.decode(this.#input);
      if (fields === undefined) return this.#input.compact();
      const line = this.#head.line!;
      if (line.status >= 200) this.#incoming = this.#begin(line, fields);
      else if (line.status === 101) throw badResponse('it switches to a protocol that was not requested');
      else this.#head = new HeadDecoder(RESPONSE_HEAD);
    }
    const body = this.#takeBody(this.#incoming.framing);
    return body === undefined ? this.#input.compact() : this.#complete(this.#incoming, body);
  }

  /** The end of the stream ends a body without a length or chunks. */
  end(): ReceivedResponse | undefined {
    if (!this.hasPartial) return undefined;
    if (this.#incoming?.framing !== 'close') throw badResponse('the stream ended inside the response');
    return this.#complete(this.#incoming, takeBytes(this.#input, this.#input.length)!);
  }

  /** Throws a RangeError for a text that is not well-formed. */
  encode(message: string, out: WriteBuffer): void {
    assertWellFormed(message);
    out.appendText(`${this.#requestHead}${Buffer.byteLength(message)}\r\n\r\n${message}`);
  }

  #begin({ version, status }: StatusLine, fields: Fields): Incoming {
    const framing = this.#framingOf(status, fields);
    const keepAlive = framing !== 'close' && persists(version, fields.list('connection'));
    return { status, fields, framing, keepAlive };
  }

  /** RFC 9112 section 6.3. A response with two lengths is rejected: part of its body could pass as the next response. */
  #framingOf(status: number, fields: Fields): Incoming['framing'] {
    const [length, coding] = [fields.get('content-length'), fields.get('transfer-encoding')?.toLowerCase()];
    if (status === 204 || status === 304) return 0;
    if (coding !== undefined && length !== undefined)
      throw badResponse('it has a Content-Length and a Transfer-Encoding');
    if (coding === 'chunked') return new ChunkedBody(this.#maxBodyBytes, this.#head, tooLarge);
    if (coding !== undefined) throw badResponse('its Transfer-Encoding is not chunked');
    if (length === undefined) return 'close';
    if (!DECIMAL.test(length)) throw badResponse('its Content-Length is not a decimal number');
    if (Number(length) > this.#maxBodyBytes) throw tooLarge(this.#maxBodyBytes);
    return Number(length);
  }

  /** Undefined: the body is not complete. */
  #takeBody(framing: Incoming['framing']): Buffer | undefined {
    if (framing instanceof ChunkedBody) return framing.decode(this.#input);
    if (framing !== 'close') return takeBytes(this.#input, framing);
    if (this.#input.length > this.#maxBodyBytes) throw tooLarge(this.#maxBodyBytes);
    return undefined;
  }

  #complete({ status, fields, keepAlive }: Incoming, body: Buffer): ReceivedResponse {
    this.#incoming = undefined;
    this.#head = new HeadDecoder(RESPONSE_HEAD);
    return { status, fields, body, keepAlive };
  }
}

function parseStatusLine(line: string): StatusLine {
  const { version, status } = STATUS_LINE.exec(line)?.groups ?? {};
  if (status === undefined) throw badResponse('it does not begin with a status line of HTTP/1.0 or HTTP/1.1');
  return { version: version as StatusLine['version'], status: Number(status) };
}

/** Fatal: where such a response ends is unknown, so nothing may be decoded after it. */
function badResponse(detail: string): CodecError {
  return new CodecError('bad_frame', `the response cannot be read: ${detail}`, { fatal: true });
}
