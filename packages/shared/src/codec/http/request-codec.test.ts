import { expect, test } from 'vitest';

import { bytesOf, decodeAll, decodeText, MAX_BODY_BYTES } from '../../../test/http-requests.ts';
import { WriteBuffer } from '../write-buffer.ts';
import { HttpError } from './http-error.ts';
import { HttpCodec } from './request-codec.ts';
import type { HttpResponse } from './response.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n';
const OLD = 'GET / HTTP/1.0\r\n\r\n';

/** A codec that was pushed these bytes. */
function codecWith(text: string): HttpCodec {
  const codec = new HttpCodec({ maxBodyBytes: MAX_BODY_BYTES });
  codec.push(bytesOf(text));
  return codec;
}

/** The encoded response. */
function written(codec: HttpCodec, response: string | HttpResponse, last?: boolean): string {
  const out = new WriteBuffer();
  codec.encode(response, out, last);
  return out.take().toString();
}

const CLOSES = /\r\nConnection: close\r\n/;

test('decodes a request without a body once, and one with a body twice', () => {
  expect(decodeText(GET).decoded).toMatchObject([{ body: '' }]);
  expect(decodeText(`${POST}abc`).decoded).toMatchObject([{ body: undefined }, { body: 'abc' }]);
  expect(decodeText(POST.replace('3', '0')).decoded).toMatchObject([{ body: '' }]);
});

test('gives the same request object at its head and complete', () => {
  const codec = codecWith(`${POST}abc`);
  const head = codec.next()!;
  expect(head).toMatchObject({ complete: false, contentLength: 3 });
  expect(head.body).toHaveLength(0);
  expect(codec.next()).toBe(head);
  expect(head.complete).toBe(true);
  expect(head.body.toString()).toBe('abc');
});

test('decodes no request before the previous one has its response', () => {
  const codec = codecWith(GET + OLD);
  expect(codec.next()).toMatchObject({ version: '1.1' });
  expect(codec.next()).toBeUndefined();
  expect(codec.hasPartial).toBe(true);
  written(codec, { status: 100 });
  expect(codec.next()).toBeUndefined();
  written(codec, 'ok');
  expect(codec.next()).toMatchObject({ version: '1.0' });
});

test('decodes a thousand pipelined requests', () => {
  expect(decodeAll([bytesOf(GET.repeat(1000))]).decoded).toHaveLength(1000);
});

test('encodes a string as a plain-text reply, and stays open', () => {
  const codec = codecWith(GET);
  codec.next();
  const response = written(codec, 'Hello');
  expect(response).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
  expect(response).toMatch(/\r\n\r\nHello$/);
  expect(response).not.toMatch(/Connection/);
  expect(codec.over).toBe(false);
});

test('sends no body for HEAD, not even for a bad request', () => {
  const codec = codecWith(GET.replace('GET', 'HEAD') + GET.replace('GET', 'HEAD').replace('Host', 'X'));
  codec.next();
  expect(written(codec, 'Hello')).toMatch(/Content-Length: 5\r\n\r\n$/);
  expect(() => codec.next()).toThrow(HttpError);
  expect(written(codec, { status: 400, body: 'no Host' })).toMatch(/Content-Length: 7\r\n.*\r\n\r\n$/);
});

test.each([
  ['closes behind an HTTP/1.0 request', OLD, undefined],
  ['closes if the client asks for it', GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'), undefined],
  ['closes if the session asks for it', GET, true],
])('%s', (_, text, last) => {
  const codec = codecWith(text + GET);
  codec.next();
  expect(codec.over).toBe(false);
  expect(written(codec, 'ok', last)).toMatch(CLOSES);
  expect(codec.over).toBe(true);
  expect(codec.next()).toBeUndefined();
});

test('keeps an HTTP/1.0 connection open if the client asks for it, and says so', () => {
  const codec = codecWith(OLD.replace('\r\n\r\n', '\r\nConnection: keep-alive\r\n\r\n') + OLD);
  codec.next();
  expect(written(codec, 'ok')).toMatch(/\r\nConnection: keep-alive\r\n/);
  expect(codec.next()).toBeDefined();
});

test.each(['', 'abc', `abc${GET}`])('closes behind an early response, with %j of the body received', (rest) => {
  const codec = codecWith(POST + rest);
  expect(codec.next()).toMatchObject({ complete: false });
  expect(written(codec, { status: 404 })).toMatch(CLOSES);
  expect(codec).toMatchObject({ over: true, hasPartial: false });
  codec.push(bytesOf(GET));
  expect(codec.next()).toBeUndefined();
  expect(codec.end()).toBeUndefined();
});

test('continues after an interim response', () => {
  const codec = codecWith(POST.replace('Content', 'Expect: 100-continue\r\nContent'));
  expect(codec.next()).toMatchObject({ expectsContinue: true });
  expect(written(codec, { status: 100 })).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  codec.push(bytesOf('abc'));
  expect(codec.next()).toMatchObject({ complete: true });
  expect(written(codec, 'ok')).not.toMatch(CLOSES);
});

test.each([
  ['a byte of the body has come', `${POST.replace('Content', 'Expect: 100-continue\r\nContent')}a`],
  ['the request is HTTP/1.0', 'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n'],
  ['the client does not ask', POST],
])('expects no interim response if %s', (_, text) => {
  expect(codecWith(text).next()).toMatchObject({ expectsContinue: false });
});

test('closes behind a streamed response', () => {
  const codec = codecWith(GET + GET);
  codec.next();
  expect(written(codec, { status: 200, stream: true })).toMatch(CLOSES);
  expect(codec.over).toBe(true);
});

test('closes behind a response without a request', () => {
  for (const text of ['', 'GET / HT', 'GET / HTTP/1.1\r\nHost']) {
    const codec = codecWith(text);
    expect(codec.next()).toBeUndefined();
    expect(written(codec, { status: 408 })).toMatch(CLOSES);
    expect(codec.over).toBe(true);
  }
});

test('appends nothing for an invalid response, and still waits for a valid one', () => {
  const codec = codecWith(GET);
  codec.next();
  expect(() => written(codec, '\ud800')).toThrow(RangeError);
  expect(written(codec, { status: 500 })).not.toMatch(CLOSES);
});

test('is over after an error, and decodes nothing behind it', () => {
  const codec = codecWith(`GET / HTTP/3.0\r\n\r\n${GET}`);
  expect(() => codec.next()).toThrow(expect.objectContaining({ status: 505, code: 'bad_frame', fatal: true }));
  expect(codec).toMatchObject({ over: true, hasPartial: false });
  expect(codec.next()).toBeUndefined();
  expect(codec.end()).toBeUndefined();
  expect(written(codec, { status: 505 })).toMatch(CLOSES);
});

test.each([
  [`GET /${'a'.repeat(8000)}`, 414],
  [`GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}`, 431],
  [POST.replace('3', '1001'), 413],
])('reports inputs above a limit as too_large', (text, status) => {
  expect(decodeText(text).failure).toMatchObject({ status, code: 'too_large' });
});

test.each([
  ['', false],
  ['\r', false],
  ['\r\n', false],
  ['\r\n\r\n\r', false],
  ['G', true],
  ['\r\nG', true],
  ['GET / HTTP/1.1\r\n', true],
  ['GET / HTTP/1.1\r\nHost: h\r\n', true],
  [POST, true],
  [`${POST}ab`, true],
  [GET, false],
  [`${GET}\r\n\r`, false],
  [`${POST}abc`, false],
  [`${POST}abcG`, true],
])('hasPartial after %j: %s', (text, hasPartial) => {
  const { failure } = decodeText(text);
  expect(failure?.status).toBe(hasPartial ? 400 : undefined);
  const codec = codecWith(text);
  while (codec.next()?.complete) written(codec, 'ok');
  if (codec.next()?.complete) written(codec, 'ok');
  codec.next();
  expect(codec.hasPartial).toBe(hasPartial);
});

test('skips empty lines before a request', () => {
  expect(decodeText(`\r\n\r\n${GET}\r\n${GET}`).decoded).toHaveLength(2);
});

test('decodes any bytes of a body unchanged', () => {
  const body = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
  const text = POST.replace('3', String(body.length)) + body;
  expect(decodeText(text).decoded.at(-1)?.body).toBe(body);
});

test('keeps the decoded part of a body when the memory of its piece is reused', () => {
  const piece = bytesOf('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  const codec = new HttpCodec({ maxBodyBytes: MAX_BODY_BYTES });
  codec.push(piece);
  codec.next();
  expect(codec.next()).toBeUndefined();
  piece.fill(0);
  codec.push(bytesOf('2\r\nde\r\n0\r\n\r\n'));
  expect(codec.next()?.body.toString()).toBe('abcde');
});
