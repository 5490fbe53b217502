import { expect, test } from 'vitest';

import { decodeText, failureOf, MAX_BODY_BYTES } from '../../../test/http-requests.ts';

const HEAD = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
const bodyOf = (chunks: string) => decodeText(HEAD + chunks).decoded.at(-1)?.body;
const errorOf = (chunks: string) => failureOf(HEAD + chunks);

const BAD_SIZE = '400 invalid chunk size or chunk extension: the size is hexadecimal';
const BAD_END = '400 a chunk is longer than its announced size';
const LONG_LINE = '400 the chunk-size line exceeds 256 bytes';
const BARE_LF = '400 bare LF: lines end in CR LF';
const BARE_CR = '400 bare CR: lines end in CR LF';
const TOO_LARGE = '413 the body exceeds 1000 bytes: send less, or ask the operator to raise MAX_MESSAGE_BYTES';
const HEAD_TOO_LARGE = '431 the head of the request exceeds 16384 bytes: send fewer or shorter fields';
const FORBIDDEN = '400 forbidden trailer: this field belongs in the head';
const TRUNCATED = '400 the stream ended inside a request';

test.each([
  ['0\r\n\r\n', ''],
  ['3\r\nabc\r\n0\r\n\r\n', 'abc'],
  ['3\r\nabc\r\n2\r\n\r\n\r\n1\r\nd\r\n0\r\n\r\n', 'abc\r\nd'],
  ['a\r\n0123456789\r\n00\r\n\r\n', '0123456789'],
  ['A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
  ['0003\r\nabc\r\n0\r\n\r\n', 'abc'],
  ['1;a\r\nx\r\n0;b=c\r\n\r\n', 'x'],
  ['1;a=b;c="d e;\\"\xe9\t"\r\nx\r\n0\r\n\r\n', 'x'],
  ['1\r\nx\r\n0\r\nX: y\r\nX-Sum: z\r\n\r\n', 'x'],
])('decodes %j', (chunks, body) => {
  expect(bodyOf(chunks)).toBe(body);
});

test.each([
  ['\r\n', BAD_SIZE],
  ['g\r\n', BAD_SIZE],
  ['-1\r\n', BAD_SIZE],
  ['+1\r\n', BAD_SIZE],
  ['0x1\r\n', BAD_SIZE],
  ['1_0\r\n', BAD_SIZE],
  ['1 \r\n', BAD_SIZE],
  [' 1\r\n', BAD_SIZE],
  ['1 ;a\r\n', BAD_SIZE],
  ['1; a\r\n', BAD_SIZE],
  ['1;\r\n', BAD_SIZE],
  ['1;a=\r\n', BAD_SIZE],
  ['1;a =b\r\n', BAD_SIZE],
  ['1;a= b\r\n', BAD_SIZE],
  ['1;=b\r\n', BAD_SIZE],
  ['1;a="b\r\n', BAD_SIZE],
  ['1;a="b"c\r\n', BAD_SIZE],
  ['1;a="\x01"\r\n', BAD_SIZE],
  ['1;a\x80\r\n', BAD_SIZE],
  ['1\n', BARE_LF],
  ['1\r\r', BARE_CR],
  ['1;a\n', BARE_LF],
  ['1\r\nab', BAD_END],
  ['1\r\na\n', BARE_LF],
  ['1\r\na\ra', BARE_CR],
  ['0\r\n\n', BARE_LF],
  ['0\r\nX : y\r\n', '400 a field name must be followed at once by a colon'],
  ['0\r\n x\r\n', '400 a field name must be followed at once by a colon'],
  ['0\r\nX: \x01\r\n', '400 a field value contains a control character'],
])('rejects %j', (chunks, error) => {
  expect(errorOf(chunks)).toBe(error);
});

test.each([
  'Host',
  'Connection',
  'Proxy-Connection',
  'Authorization',
  'Content-Type',
  'Expect',
  'Content-Length',
  'Transfer-Encoding',
])('rejects %s as a trailer', (name) => {
  expect(errorOf(`0\r\n${name}: x\r\n`)).toBe(FORBIDDEN);
});

test('accepts a chunk-size line of 256 bytes', () => {
  expect(bodyOf(`1;${'a'.repeat(254)}\r\nx\r\n0\r\n\r\n`)).toBe('x');
  expect(errorOf(`1;${'a'.repeat(255)}`)).toBe(LONG_LINE);
});

test('accepts a body of exactly the limit, and rejects a larger one at the size of the chunk that exceeds it', () => {
  const half = `1f4\r\n${'a'.repeat(500)}\r\n`;
  expect(bodyOf(`${half}${half}0\r\n\r\n`)).toHaveLength(MAX_BODY_BYTES);
  expect(errorOf(`${half}${half}1\r\n`)).toBe(TOO_LARGE);
  expect(errorOf('3e9\r\n')).toBe(TOO_LARGE);
  expect(errorOf('20000000000000\r\n')).toBe(TOO_LARGE);
  expect(errorOf(`${'f'.repeat(255)}\r\n`)).toBe(TOO_LARGE);
});

test('counts extensions and trailers as part of the head', () => {
  const chunk = `1;${'a'.repeat(199)}\r\nx\r\n`;
  const room = 16_384 - HEAD.length;
  const most = Math.floor(room / 200);
  expect(bodyOf(`${chunk.repeat(most)}0\r\n\r\n`)).toBe('x'.repeat(most));
  expect(errorOf(chunk.repeat(most + 1))).toBe(HEAD_TOO_LARGE);
  expect(bodyOf(`0\r\nX: ${'a'.repeat(room - 'X: \r\n\r\n'.length)}\r\n\r\n`)).toBe('');
  expect(errorOf(`0\r\nX: ${'a'.repeat(room - 'X: \r\n\r\n'.length + 1)}\r\n\r\n`)).toBe(HEAD_TOO_LARGE);
  expect(bodyOf(`0\r\n${'X: y\r\n'.repeat(98)}\r\n`)).toBe('');
  expect(errorOf(`0\r\n${'X: y\r\n'.repeat(99)}\r\n`)).toBe('431 the request has more than 100 fields: send fewer');
});

test('does not count chunk sizes as part of the head, so chunks of one byte are fine', () => {
  expect(bodyOf(`${'1\r\nx\r\n'.repeat(MAX_BODY_BYTES)}0\r\n\r\n`)).toHaveLength(MAX_BODY_BYTES);
});

test.each(['', '3', '3\r', '3\r\n', '3\r\nab', '3\r\nabc', '3\r\nabc\r\n', '0\r\n', '0\r\nX: y\r\n', '0\r\n\r'])(
  'refuses an end of the stream behind %j',
  (chunks) => {
    expect(errorOf(chunks)).toBe(TRUNCATED);
  },
);
