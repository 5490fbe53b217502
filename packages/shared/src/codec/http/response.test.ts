import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { WriteBuffer } from '../write-buffer.ts';
import { chunkOf, encodeResponse, httpDate, type HttpResponse, LAST_CHUNK } from './response.ts';

const DATE = 'Date: Sun, 06 Nov 1994 08:49:37 GMT';
const CONTEXT = { headOnly: false, version: '1.1' as '1.0' | '1.1', closes: false };

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(1994, 10, 6, 8, 49, 37), toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function encoded(response: HttpResponse, context: Partial<typeof CONTEXT> = {}): string {
  const out = new WriteBuffer();
  encodeResponse(response, { ...CONTEXT, ...context }, out);
  return out.take().toString();
}

/** The lines of the head. */
const linesOf = (...parameters: Parameters<typeof encoded>) =>
  encoded(...parameters)
    .split('\r\n\r\n')[0]!
    .split('\r\n');

test('encodes head and body', () => {
  const head = [
    'HTTP/1.1 200 OK',
    'Content-Type: text/plain; charset=utf-8',
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    DATE,
    'Content-Length: 7',
  ];
  expect(encoded({ status: 200, body: 'h€llo' })).toBe(`${head.join('\r\n')}\r\n\r\nh€llo`);
});

test('encodes bytes unchanged', () => {
  const out = new WriteBuffer();
  const body = Buffer.alloc(100_000, 0xff);
  encodeResponse({ status: 200, body }, CONTEXT, out);
  const bytes = out.take();
  expect(bytes.subarray(-body.length).equals(body)).toBe(true);
  expect(bytes.toString('latin1')).toContain('\r\nContent-Length: 100000\r\n\r\n');
});

test('encodes a long text behind its head', () => {
  const body = 'h€llo '.repeat(10_000);
  const [head, sent] = encoded({ status: 200, body }).split('\r\n\r\n');
  expect(head).toContain(`\r\nContent-Length: ${Buffer.byteLength(body)}`);
  expect(sent === body).toBe(true);
});

test('keeps the space after a status without a reason phrase (RFC 9112 section 4)', () => {
  expect(linesOf({ status: 299 })[0]).toBe('HTTP/1.1 299 ');
});

test('replaces default headers by the given ones, in any case', () => {
  const headers = { 'content-type': 'text/html', 'CACHE-CONTROL': 'no-cache', ETag: '"x"' };
  expect(linesOf({ status: 200, headers })).toStrictEqual([
    'HTTP/1.1 200 OK',
    'content-type: text/html',
    'CACHE-CONTROL: no-cache',
    'ETag: "x"',
    'X-Content-Type-Options: nosniff',
    DATE,
    'Content-Length: 0',
  ]);
});

test('encodes the length but no body for HEAD', () => {
  expect(encoded({ status: 200, body: 'Hello' }, { headOnly: true })).toMatch(/\r\nContent-Length: 5\r\n\r\n$/);
});

test.each([204, 304])('encodes no body, length or type with status %d', (status) => {
  const head = encoded({ status, body: 'x', headers: { Allow: 'GET' } });
  expect(head).toMatch(/\r\n\r\n$/);
  expect(head).toMatch(/\r\nAllow: GET\r\n/);
  expect(head).not.toMatch(/\r\ncontent-/i);
});

test('encodes an interim response as a bare status line', () => {
  expect(encoded({ status: 100 })).toBe('HTTP/1.1 100 Continue\r\n\r\n');
});

test.each([
  [{ version: '1.1', closes: false }, undefined],
  [{ version: '1.1', closes: true }, 'Connection: close'],
  [{ version: '1.0', closes: false }, 'Connection: keep-alive'],
  [{ version: '1.0', closes: true }, 'Connection: close'],
] as const)('%j: %s', (context, line) => {
  expect(linesOf({ status: 200 }, context).find((one) => one.startsWith('Connection'))).toBe(line);
});

test('streams chunked in HTTP/1.1, and until the end of the connection in HTTP/1.0', () => {
  const head = encoded({ status: 200, stream: true, body: 'not sent' }, { closes: true });
  expect(head).toMatch(/\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n$/);
  expect(head).not.toMatch(/Content-Length/);
  const old = encoded({ status: 200, stream: true }, { closes: true, version: '1.0' });
  expect(old).not.toMatch(/Content-Length|Transfer-Encoding/);
});

test('encodes a text as a chunk, and an empty text as nothing', () => {
  expect(chunkOf('h€llo world, and mo')).toBe('15\r\nh€llo world, and mo\r\n');
  expect(chunkOf('')).toBe('');
  expect(LAST_CHUNK).toBe('0\r\n\r\n');
});

test.each<[string, HttpResponse]>([
  ['a line end in a value', { status: 200, headers: { X: 'a\r\nSet-Cookie: b' } }],
  ['an LF in a value', { status: 200, headers: { X: 'a\n' } }],
  ['a NUL in a value', { status: 200, headers: { X: '\0' } }],
  ['a value that is not ASCII', { status: 200, headers: { X: 'é' } }],
  ['a line end in a name', { status: 200, headers: { 'X\r\nY': 'a' } }],
  ['an empty name', { status: 200, headers: { '': 'a' } }],
  ['a length of its own', { status: 200, headers: { 'content-length': '3' } }],
  ['a coding of its own', { status: 200, headers: { 'Transfer-Encoding': 'chunked' } }],
  ['a connection of its own', { status: 200, headers: { Connection: 'close' } }],
  ['a date of its own', { status: 200, headers: { Date: 'today' } }],
  ['half a surrogate pair', { status: 200, body: '\ud800' }],
])('refuses %s, and appends nothing', (_, response) => {
  const out = new WriteBuffer();
  expect(() => encodeResponse(response, CONTEXT, out)).toThrow(RangeError);
  expect(out.length).toBe(0);
});

test('has a new date every second', () => {
  expect(httpDate(0)).toBe('Thu, 01 Jan 1970 00:00:00 GMT');
  expect(httpDate(999)).toBe('Thu, 01 Jan 1970 00:00:00 GMT');
  expect(httpDate(1000)).toBe('Thu, 01 Jan 1970 00:00:01 GMT');
});
