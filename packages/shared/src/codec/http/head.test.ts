import { describe, expect, test } from 'vitest';

import { decodeText, failureOf } from '../../../test/http-requests.ts';

/** A request with these header lines. */
const get = (lines: string[], version = '1.1') =>
  `GET / HTTP/${version}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const errorOf = (lines: string[], version?: string) => failureOf(get(lines, version));

const NOT_A_FIELD = '400 a field name must be followed at once by a colon';
const CONTROL = '400 a field value contains a control character';
const NO_HOST = '400 the request has no Host header';
const BAD_HOST = '400 Host must be one valid host, with or without a port';
const OTHER_HOST = '400 the target and the Host header name different hosts';
const LENGTH = '400 the Content-Length is not a decimal number';
const CODING = '400 Transfer-Encoding must end in chunked, exactly once: send chunked alone';
const OTHER_CODING = '501 unsupported Transfer-Encoding: only chunked';
const EXPECTATION = '417 unsupported Expect: only 100-continue';
const CONTENT_CODING = '415 unsupported Content-Encoding: only identity';
const TOO_MANY = '431 the request has more than 100 fields: send fewer';
const TOO_LARGE = '431 the head of the request exceeds 16384 bytes: send fewer or shorter fields';

describe('a field', () => {
  test.each([
    ['X : y', NOT_A_FIELD],
    ['X\t: y', NOT_A_FIELD],
    [' folded', NOT_A_FIELD],
    ['\tfolded: x', NOT_A_FIELD],
    [': x', NOT_A_FIELD],
    ['X', NOT_A_FIELD],
    ['X\x80: y', NOT_A_FIELD],
    ['X(: y', NOT_A_FIELD],
    ['X\0: y', NOT_A_FIELD],
    ['X: a\0b', CONTROL],
    ['X: \x01', CONTROL],
    ['X: \x7f', CONTROL],
    ['X: a\n', '400 bare LF: lines end in CR LF'],
    ['X: a\rb', '400 bare CR: lines end in CR LF'],
    ['X: a\r', '400 bare CR: lines end in CR LF'],
  ])('is rejected: %j', (line, error) => {
    expect(errorOf(['Host: h', line])).toBe(error);
    expect(errorOf([line, 'Host: h'])).toBe(error);
  });

  test('may have white space around its value, and bytes beyond ASCII', () => {
    const { decoded } = decodeText(get(['HOST:h', 'X: \ta\t b \t', 'Y:', 'Z: \xa0\xff\xa0', "!#$%&'*+-.^_`|~09:z"]));
    expect(decoded[0]?.names).toStrictEqual(['host', 'x', 'y', 'z', "!#$%&'*+-.^_`|~09"]);
    expect(decoded[0]?.values).toStrictEqual(['h', 'a\t b', '', '\xa0\xff\xa0', 'z']);
  });

  test('is one of at most 100', () => {
    expect(errorOf(['Host: h', ...Array<string>(99).fill('X: y')])).toBeUndefined();
    expect(errorOf(['Host: h', ...Array<string>(100).fill('X: y')])).toBe(TOO_MANY);
  });

  test('is part of a head of at most 16 KiB, empty lines before it included', () => {
    const room = 16_384 - get(['Host: h', 'X: ']).length;
    expect(errorOf(['Host: h', `X: ${'a'.repeat(room)}`])).toBeUndefined();
    expect(errorOf(['Host: h', `X: ${'a'.repeat(room + 1)}`])).toBe(TOO_LARGE);
    expect(failureOf(`\r\n${get(['Host: h', `X: ${'a'.repeat(room - 2)}`])}`)).toBeUndefined();
    expect(failureOf(`\r\n${get(['Host: h', `X: ${'a'.repeat(room - 1)}`])}`)).toBe(TOO_LARGE);
    expect(failureOf('\r\n'.repeat(8193))).toBe(TOO_LARGE);
    expect(failureOf(`GET / HTTP/1.1\r\nX: ${'a'.repeat(9000)}\r\nY: ${'b'.repeat(8000)}`)).toBe(TOO_LARGE);
  });
});

describe('the Host', () => {
  test.each([
    'h',
    'H.example.com',
    'example.com.',
    'a_b-c~d',
    'h:80',
    'h:',
    '127.0.0.1:1',
    '[::1]',
    '[::ffff:1.2.3.4]:80',
  ])('may be %s', (host) => {
    expect(decodeText(get([`Host: ${host} `])).decoded).toMatchObject([{ host }]);
  });

  test.each([
    '',
    'a b',
    'a,b',
    'a, b',
    'u@h',
    'h/x',
    'h:80:80',
    'h:x',
    'h:123456',
    '::1',
    '[::1',
    '[g]',
    'h?',
    '\xe9',
    '%41',
  ])('is rejected: %j', (host) => {
    expect(errorOf([`Host: ${host}`])).toBe(BAD_HOST);
    expect(errorOf([`Host: ${host}`], '1.0')).toBe(BAD_HOST);
  });

  test('is required once in HTTP/1.1, and allowed once in HTTP/1.0', () => {
    expect(errorOf([])).toBe(NO_HOST);
    expect(errorOf([], '1.0')).toBeUndefined();
    expect(errorOf(['Host: h', 'host: h'])).toBe('400 the request has more than one host');
    expect(errorOf(['Host: h', 'host: h'], '1.0')).toBe('400 the request has more than one host');
  });

  test('must match a target in absolute form, which can replace it in HTTP/1.0', () => {
    expect(decodeText('GET http://H:80/ HTTP/1.1\r\nHost: h:80\r\n\r\n').decoded).toMatchObject([{ host: 'h:80' }]);
    expect(decodeText('GET http://h/ HTTP/1.0\r\n\r\n').decoded).toMatchObject([{ host: 'h' }]);
    expect(failureOf('GET http://h/ HTTP/1.1\r\nHost: g\r\n\r\n')).toBe(OTHER_HOST);
    expect(failureOf('GET http://h/ HTTP/1.1\r\nHost: h:80\r\n\r\n')).toBe(OTHER_HOST);
    expect(failureOf('GET http://h/ HTTP/1.1\r\n\r\n')).toBe(NO_HOST);
  });
});

test.each(['Authorization', 'Content-Type', 'Expect', 'Content-Length'])('%s may come only once', (name) => {
  const value = name === 'Expect' ? '100-continue' : '0';
  expect(errorOf(['Host: h', `${name}: ${value}`])).toBeUndefined();
  expect(errorOf(['Host: h', `${name}: ${value}`, `${name}: ${value}`])).toBe(
    `400 the request has more than one ${name.toLowerCase()}`,
  );
});

describe('the framing of the body', () => {
  test.each([
    [['Content-Length: 03'], LENGTH],
    [['Content-Length: 00'], LENGTH],
    [['Content-Length: +3'], LENGTH],
    [['Content-Length: -3'], LENGTH],
    [['Content-Length: 3, 3'], LENGTH],
    [['Content-Length: 3 3'], LENGTH],
    [['Content-Length: 0x3'], LENGTH],
    [['Content-Length: 3.0'], LENGTH],
    [['Content-Length: 1e1'], LENGTH],
    [['Content-Length:'], LENGTH],
    [['Transfer-Encoding: gzip'], CODING],
    [['Transfer-Encoding: identity'], CODING],
    [['Transfer-Encoding: xchunked'], CODING],
    [['Transfer-Encoding: "chunked"'], CODING],
    [['Transfer-Encoding: chunked;q=1'], CODING],
    [['Transfer-Encoding:'], CODING],
    [['Transfer-Encoding: chunked, gzip'], CODING],
    [['Transfer-Encoding: chunked, chunked'], CODING],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], CODING],
    [['Transfer-Encoding: , chunked'], CODING],
    [['Transfer-Encoding: chunked,'], CODING],
    [['Transfer-Encoding: gzip, chunked'], OTHER_CODING],
    [['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'], OTHER_CODING],
    [['Transfer-Encoding: chunked '], '400 white space after the value of Transfer-Encoding'],
    [['Transfer-Encoding: chunked\t'], '400 white space after the value of Transfer-Encoding'],
  ])('is rejected: %j', (lines, error) => {
    expect(errorOf(['Host: h', ...lines])).toBe(error);
  });

  test.each([
    [['Content-Length: 3', 'Transfer-Encoding: chunked']],
    [['Transfer-Encoding: chunked', 'Content-Length: 0']],
  ])('must not have a length and a coding: %j', (lines) => {
    expect(errorOf(['Host: h', ...lines])).toBe(
      '400 the request has a Content-Length and a Transfer-Encoding: send one',
    );
  });

  test('must not be a transfer coding in HTTP/1.0', () => {
    expect(errorOf(['Transfer-Encoding: chunked'], '1.0')).toBe(
      '400 HTTP/1.0 has no Transfer-Encoding: send a Content-Length',
    );
  });

  test('is rejected at the head if the body is too large', () => {
    const error = '413 the body exceeds 1000 bytes: send less, or ask the operator to raise MAX_MESSAGE_BYTES';
    expect(errorOf(['Host: h', 'Content-Length: 1001'])).toBe(error);
    expect(errorOf(['Host: h', 'Content-Length: 18446744073709551616'])).toBe(error);
    expect(errorOf(['Host: h', `Content-Length: ${'9'.repeat(400)}`])).toBe(error);
  });
});

test.each([
  ['Expect: x', EXPECTATION],
  ['Expect:', EXPECTATION],
  ['Expect: 100-continue, x', EXPECTATION],
  ['Content-Encoding: gzip', CONTENT_CODING],
  ['Content-Encoding: identity, gzip', CONTENT_CODING],
  ['Content-Encoding:', CONTENT_CODING],
  ['Content-Encoding: Identity', undefined],
  ['Expect: 100-Continue', undefined],
])('checks %j', (line, error) => {
  expect(errorOf(['Host: h', line])).toBe(error);
});

test.each([
  ['1.1', [], true],
  ['1.1', ['Connection: close'], false],
  ['1.1', ['Connection: Close'], false],
  ['1.1', ['Connection: x, close ,y'], false],
  ['1.1', ['Connection: x', 'Connection: close'], false],
  ['1.1', ['Connection: keep-alive, close'], false],
  ['1.1', ['Connection: closed'], true],
  ['1.1', ['Proxy-Connection: close'], false],
  ['1.1', ['Connection: keep-alive', 'Proxy-Connection: close'], false],
  ['1.1', ['Connection: Upgrade', 'Upgrade: h2c'], false],
  ['1.1', ['Upgrade: h2c'], true],
  ['1.1', ['Connection: upgrade'], true],
  ['1.0', [], false],
  ['1.0', ['Connection: keep-alive'], true],
  ['1.0', ['Connection: Keep-Alive'], true],
  ['1.0', ['Proxy-Connection: keep-alive'], true],
  ['1.0', ['Connection: keep-alive, close'], false],
])('HTTP/%s with %j: keep-alive is %s', (version, lines, keepAlive) => {
  const { decoded, over } = decodeText(get(['Host: h', ...lines], version));
  expect(decoded).toMatchObject([{ keepAlive }]);
  expect(over).toBe(!keepAlive);
});
