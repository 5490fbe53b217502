/** Requests with their expected status. A marker is in every part that a client controls. */

/** Must not appear in a response head: it tries to end the head and start another (response splitting). */
export const MARK = 'Zq7-from-the-client';
const SPLIT = `${MARK}\r\n\r\nHTTP/1.1 200 OK\r\nX-${MARK}: y\r\nContent-Length: 0\r\n\r\n`;

export interface Exchange {
  /** In Latin-1. */
  request: string;
  status: number;
  isHead?: boolean;
  /** The connection closes after it; later bytes are not read. */
  closes?: boolean;
}

const HOST = `Host: localhost\r\nX-${MARK}: ${MARK}\x80\r\n`;
const HTML = 'Accept: text/html\r\n';
const CACHED = `${HTML}If-None-Match: *\r\n`;

const send = (method: string, target: string, fields = '', version = '1.1') =>
  `${method} ${target} HTTP/${version}\r\n${HOST}${fields}\r\n`;
const get = (target: string, fields?: string, version?: string) => send('GET', target, fields, version);
const post = (body: string, fields = '') =>
  `${send('POST', `/?${MARK}`, `${fields}Content-Length: ${body.length}\r\n`)}${body}`;
const postChunk = (size: string) =>
  `${send('POST', '/', 'Transfer-Encoding: chunked\r\n')}${size};${MARK}\r\n${SPLIT}\r\n0\r\nX-${MARK}: y\r\n\r\n`;

/** Messages with a special reply: see `handle`. */
const THROWS = `throw ${MARK}`;
const UNSENDABLE = `unsendable ${MARK}`;

/** Echoes the message: synchronously, or, for odd lengths, asynchronously. */
export function handle(message: string): string | Promise<string> {
  if (message === THROWS) throw new Error(message);
  if (message === UNSENDABLE) return '\ud800';
  const reply = `[${message}]`;
  return message.length % 2 === 0 ? reply : Promise.resolve(reply);
}

/** The connection stays open after these. */
export const LASTING: readonly Exchange[] = [
  { request: post(MARK), status: 200 },
  { request: post(`${SPLIT}.`), status: 200 },
  { request: post(MARK, 'Expect: 100-continue\r\n'), status: 200 },
  { request: post(MARK.repeat(300)), status: 200 },
  { request: post(Buffer.from(`naïve 世界 ${MARK}`).toString('latin1')), status: 200 },
  { request: postChunk(SPLIT.length.toString(16)), status: 200 },
  { request: get(`/?${MARK}`), status: 200 },
  { request: send('HEAD', '/'), status: 200, isHead: true },
  { request: get('/', HTML), status: 200 },
  { request: send('HEAD', '/', HTML), status: 200, isHead: true },
  { request: get('/', CACHED), status: 304 },
  { request: send('HEAD', '/', CACHED), status: 304, isHead: true },
  { request: send('OPTIONS', '/'), status: 204 },
  { request: send('OPTIONS', '*'), status: 204 },
  { request: get(`/healthz?${MARK}`), status: 200 },
  { request: get('/metrics'), status: 200 },
  { request: get(`/${MARK}`), status: 404 },
  { request: send('HEAD', `/${MARK}`), status: 404, isHead: true },
  { request: send('DELETE', '/'), status: 405 },
  { request: get('/').replace('localhost', `${MARK}.example`), status: 403 },
  { request: post(`\xff${MARK}`), status: 400 },
  { request: post(THROWS), status: 500 },
  { request: post(UNSENDABLE), status: 500 },
  { request: get('/', 'Connection: keep-alive\r\n', '1.0'), status: 200 },
];

const CLOSING: readonly Exchange[] = [
  { request: get('/', `Connection: close, ${MARK}\r\n`), status: 200 },
  { request: get('/', `Connection: upgrade\r\nUpgrade: ${MARK}\r\n`), status: 200 },
  { request: get('/', '', '1.0'), status: 200 },
  { request: send('HEAD', '/', '', '1.0'), status: 200, isHead: true },
  { request: send('HEAD', '/events'), status: 200, isHead: true },
  { request: post(MARK).replace('/?', '/other?'), status: 404 },
  { request: get(`/${MARK}#`), status: 400 },
  { request: send(MARK, '/'), status: 501 },
  { request: get('/', '', `1.1${MARK}`), status: 400 },
  { request: get('/', '', '2.0'), status: 505 },
  { request: send('CONNECT', `${MARK}:80`), status: 405 },
  { request: get('/').replace('localhost', `${MARK}@h`), status: 400 },
  { request: get('/', `${MARK} : y\r\n`), status: 400 },
  { request: get(`/${MARK.repeat(500)}`), status: 414 },
  { request: get('/', `${MARK}: ${MARK.repeat(1000)}\r\n`), status: 431 },
  { request: post(MARK, `Expect: ${MARK}\r\n`), status: 417 },
  { request: post(MARK, `Content-Encoding: ${MARK}\r\n`), status: 415 },
  { request: send('POST', '/', 'Content-Length: 99999999\r\n') + MARK, status: 413 },
  { request: postChunk(MARK), status: 400 },
  { request: post(MARK).slice(0, -1), status: 400 },
];
export const LAST = CLOSING.map((exchange) => ({ ...exchange, closes: true }));

/** A stream that ends at shutdown. */
export const streamed = (version: string): Exchange => ({
  request: get(`/events?follow=${MARK}`, '', version),
  status: 200,
  closes: true,
});
