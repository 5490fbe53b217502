/** Encodes responses (RFC 9112 section 4), and the chunks of a streamed body (section 7.1). */
import { STATUS_CODES } from 'node:http';

import { assertWellFormed } from '../utf8.ts';
import type { WriteBuffer } from '../write-buffer.ts';
import { TOKEN } from './line.ts';

export interface HttpResponse {
  /** Below 200: interim, and the final response still follows (RFC 9110 section 15.2). */
  status: number;
  /** Omitted with status 204 and 304 (RFC 9110 sections 15.3.5 and 15.4.5). */
  body?: string | Buffer;
  /** ASCII. Content-Type and Cache-Control replace the defaults. */
  headers?: Record<string, string>;
  /** Encodes only the head: the body follows, chunked in HTTP/1.1, and then the connection closes. */
  stream?: boolean;
}

/** `headOnly`: the response to a HEAD request. */
type ResponseContext = { headOnly: boolean; version: '1.0' | '1.1'; closes: boolean };

/** Ends a chunked body. Without it the body is incomplete to the client (RFC 9112 section 8). */
export const LAST_CHUNK = '0\r\n\r\n';

const SHORT_BODY = 4096;
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;
/** The encoder sets these itself: a second one could be read in two ways (response splitting). */
const OWN_HEADERS = ['connection', 'content-length', 'date', 'transfer-encoding'];
/** Replies contain what clients sent: browsers must neither cache them nor guess their type. */
const NO_STORE = 'Cache-Control: no-store\r\n';
const NO_SNIFF = 'X-Content-Type-Options: nosniff\r\n';
const TEXT = 'Content-Type: text/plain; charset=utf-8\r\n';

let date = '';
let dateSecond = Number.NaN;

/** Appends a response. If a header or the text cannot be sent, throws a RangeError and appends nothing. */
export function encodeResponse(response: HttpResponse, context: ResponseContext, out: WriteBuffer): void {
  const { status, body = '', headers, stream = false } = response;
  const statusLine = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  if (status < 200) {
    out.appendText(`${statusLine}\r\n`);
    return;
  }
  if (typeof body === 'string') assertWellFormed(body);
  const bodiless = status === 204 || status === 304;
  const usual = headers || bodiless ? headerLines(headers, bodiless ? '' : TEXT) : TEXT + NO_STORE;
  const framing = bodiless ? '' : framingLine(stream, body, context.version);
  const head = `${statusLine}${usual}${NO_SNIFF}Date: ${httpDate(Date.now())}\r\n${framing}${connectionLine(context)}\r\n`;
  const sent = bodiless || context.headOnly || stream ? '' : body;
  const isShort = typeof sent === 'string' && sent.length < SHORT_BODY;
  // One call into V8 writes the head with a short text. Joining a long text to the head would copy it again.
  out.appendText(isShort ? head + sent : head);
  if (typeof sent !== 'string') out.appendBytes(sent);
  else if (!isShort) out.appendText(sent);
}

/** One chunk of a streamed body. Empty for an empty text: an empty chunk would end the body. */
export function chunkOf(text: string): string {
  return text === '' ? '' : `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** The value of Date (RFC 9110 section 6.6.1) for a time in milliseconds, cached for a second. */
export function httpDate(now: number): string {
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) date = new Date(now).toUTCString();
  dateSecond = second;
  return date;
}

/** The given headers, and the defaults that they do not replace. */
function headerLines(headers: Record<string, string> = {}, usualType: string): string {
  let [type, caching, lines] = [usualType, NO_STORE, ''];
  for (const [name, value] of Object.entries(headers)) {
    const lowerName = name.toLowerCase();
    if (!TOKEN.test(name) || OWN_HEADERS.includes(lowerName))
      throw new RangeError(`a reply may not set the header "${name}"`);
    // A line end would end the header or the head: response splitting (RFC 9110 section 5.5).
    if (!HEADER_VALUE.test(value)) throw new RangeError(`the value of ${name} is not printable ASCII`);
    if (lowerName === 'content-type') type = '';
    if (lowerName === 'cache-control') caching = '';
    lines += `${name}: ${value}\r\n`;
  }
  return type + caching + lines;
}

/** RFC 9110 section 8.6. A streamed body ends with its last chunk, or in HTTP/1.0 with the connection (RFC 9112 section 6.3). */
function framingLine(stream: boolean, body: string | Buffer, version: '1.0' | '1.1'): string {
  if (!stream) return `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return version === '1.1' ? 'Transfer-Encoding: chunked\r\n' : '';
}

/** RFC 9112 section 9.3: by default HTTP/1.1 stays open and HTTP/1.0 closes. */
function connectionLine({ version, closes }: ResponseContext): string {
  if (closes) return 'Connection: close\r\n';
  return version === '1.0' ? 'Connection: keep-alive\r\n' : '';
}
