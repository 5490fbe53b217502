import { METHODS } from 'node:http';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { detect, MAX_REQUEST_LINE_BYTES } from './detect.ts';

const see = (head: string) => detect(Buffer.from(head, 'latin1'));

test.each([
  ['\0', 'frames'],
  ['\0\0\0\rHello, server', 'frames'],
  ['\x16', 'tls'],
  ['\x16\x03\x01', 'tls'],
  ['\x01', 'unknown'],
  ['\x1b[A', 'unknown'],
  ['\x7f', 'unknown'],
  ['\t', 'text'],
  ['\r\n', 'text'],
  ['\n', 'text'],
  [' GET / HTTP/1.1\r\n', 'text'],
  ['\r\nGET / HTTP/1.1\r\n', 'text'],
  ['Hello', 'text'],
  ['hello', 'text'],
  ['\xc3\xa9', 'text'],
  ['\xff', 'text'],
  ['G', 'could_be_http'],
  ['GE', 'could_be_http'],
  ['GET', 'could_be_http'],
  ['GET ', 'could_be_http'],
  ['M-SEAR', 'could_be_http'],
  ['GET\n', 'text'],
  ['GET\r\n', 'text'],
  ['GETTING', 'text'],
  ['HEADache', 'text'],
  ['get / HTTP/1.1\r\n', 'text'],
  ['GET well soon', 'text'],
  ['GET  / HTTP/1.1\r\n', 'text'],
  ['GET he', 'text'],
  ['GET h', 'looks_like_http'],
  ['GET http', 'looks_like_http'],
  ['GET /', 'looks_like_http'],
  ['GET *', 'looks_like_http'],
  ['GET / ', 'looks_like_http'],
  ['GET / HTTP/1', 'looks_like_http'],
  ['GET / HTTP/1.1', 'looks_like_http'],
  ['GET / HTTP/1.1\r', 'looks_like_http'],
  ['GET /\n', 'text'],
  ['GET /\r\n', 'text'],
  ['GET h ', 'text'],
  ['GET / HTTP/2', 'text'],
  ['GET / HTTP/1.1x', 'text'],
  ['GET / HTTP/1.1\rx', 'text'],
  ['GET / http/1.1\r\n', 'text'],
  ['GET / HTTP/1.11\r\n', 'text'],
  ['CONNECT host:443 HTTP/1.1\r\n', 'text'],
  ['PRI * HTTP/2.0\r\n', 'text'],
  ['GET / HTTP/1.1\r\n', 'http'],
  ['GET / HTTP/1.0\n', 'http'],
  ['GET / HTTP/1.9\r\nHost: a', 'http'],
  ['OPTIONS * HTTP/1.1\r\n', 'http'],
  ['GET http://localhost/ HTTP/1.1\r\n', 'http'],
])('sees %j as %s', (head, language) => {
  expect(see(head)).toBe(language);
});

test('knows every method that Node knows', () => {
  for (const method of METHODS) expect(see(`${method} / HTTP/1.1\r\n`)).toBe('http');
});

test('leaves a request line that is too long to HTTP, which has an answer for it', () => {
  const head = `GET /${'x'.repeat(MAX_REQUEST_LINE_BYTES)}`;
  expect(see(head.slice(0, MAX_REQUEST_LINE_BYTES - 1))).toBe('looks_like_http');
  expect(see(head.slice(0, MAX_REQUEST_LINE_BYTES))).toBe('http');
});

test('never changes its mind: what more bytes bring was undecided before, and what is decided stays', () => {
  const pieces = [
    'G',
    'GET',
    'POST',
    ' ',
    '/',
    '*',
    'http',
    'x',
    'HTTP/1.',
    '1',
    '0',
    '\r',
    '\n',
    '\0',
    '\x16',
    '\xe9',
  ];
  const head = fc
    .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 12 })
    .map((parts) => Buffer.from(parts.join(''), 'latin1'));
  fc.assert(
    fc.property(head, (bytes) => {
      const sights = Array.from(bytes, (_, end) => detect(bytes.subarray(0, end + 1)));
      const order = ['could_be_http', 'looks_like_http'];
      for (const [index, sight] of sights.slice(1).entries()) {
        const before = sights[index]!;
        const undecided = order.indexOf(before);
        if (undecided < 0) expect(sight).toBe(before);
        else if (order.includes(sight)) expect(order.indexOf(sight)).toBeGreaterThanOrEqual(undecided);
      }
    }),
    { numRuns: 5000 },
  );
});
