/** Parses HTTP responses (RFC 9112 section 6.3) to the parts that the server decides. */

export interface HttpResponse {
  status: number;
  /** The Content-Type, unless plain text. */
  type?: string;
  allow?: string;
  retryAfter?: string;
  /** Plain text only: the page and the metrics change for other reasons. */
  body?: string;
  /** The body of an error. */
  detail?: string;
  /** Whether the client may send another request. */
  staysOpen: boolean;
}

const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n/;
const PLAIN_TEXT = 'text/plain; charset=utf-8';

export function beginsWithResponse(bytes: Buffer): boolean {
  return STATUS_LINE.test(bytes.toString('latin1', 0, 64));
}

/** All responses in these bytes, and the remaining bytes. */
export function responsesIn(bytes: Buffer): { responses: HttpResponse[]; rest: Buffer } {
  const responses: HttpResponse[] = [];
  let rest = bytes;
  while (beginsWithResponse(rest) && rest.includes('\r\n\r\n')) {
    const headEnd = rest.indexOf('\r\n\r\n') + 4;
    const head = rest.toString('latin1', 0, headEnd);
    const { body, length } = bodyOf(head, rest.subarray(headEnd));
    responses.push(responseOf(head, body));
    rest = rest.subarray(headEnd + length);
  }
  return { responses, rest };
}

function responseOf(head: string, body: Buffer): HttpResponse {
  const status = Number(STATUS_LINE.exec(head)![1]);
  const [type = 'none', allow, retryAfter] = ['Content-Type', 'Allow', 'Retry-After'].map((name) => field(head, name));
  return {
    status,
    ...(type === PLAIN_TEXT ? { [status < 400 ? 'body' : 'detail']: body.toString() } : { type }),
    ...(allow === undefined ? {} : { allow }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    staysOpen: !/\bclose\b/i.test(field(head, 'Connection') ?? ''),
  };
}

function field(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.*)\r$`, 'im').exec(head)?.[1];
}

/** `length`: the encoded size of the body. */
function bodyOf(head: string, bytes: Buffer): { body: Buffer; length: number } {
  if (/^HTTP\/1\.1 (?:1..|204|304) /.test(head)) return { body: bytes.subarray(0, 0), length: 0 };
  if (/^chunked$/i.test(field(head, 'Transfer-Encoding') ?? '')) return dechunked(bytes);
  const length = Number(field(head, 'Content-Length') ?? bytes.length);
  // A response to HEAD announces a body without sending it.
  if (bytes.length === 0 || beginsWithResponse(bytes)) return { body: bytes.subarray(0, 0), length: 0 };
  return { body: bytes.subarray(0, length), length: Math.min(length, bytes.length) };
}

/** RFC 9112 section 7.1, without trailers. */
function dechunked(bytes: Buffer): { body: Buffer; length: number } {
  const chunks: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const dataAt = bytes.indexOf('\r\n', at) + 2;
    const size = Number.parseInt(bytes.toString('latin1', at, dataAt), 16);
    chunks.push(bytes.subarray(dataAt, dataAt + size));
    at = dataAt + size + 2;
    if (size === 0) break;
  }
  return { body: Buffer.concat(chunks), length: at };
}
