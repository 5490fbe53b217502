import { describe, expect, test } from 'vitest';

import { detect } from './detect.ts';

const see = (head: string) => detect(Buffer.from(head, 'latin1'));

describe('the first byte', () => {
  test.each([
    ['\0', 'frames'],
    ['\0\0\0\rHello, server', 'frames'],
    ['\0 / HTTP/1.1\r\n', 'frames'],
    ['\x16', 'tls'],
    ['\x16\x03\x01', 'tls'],
    ['\x01', 'unknown'],
    ['\v', 'unknown'],
    ['\f / HTTP/1.1\r\n', 'unknown'],
    ['\x1b[A', 'unknown'],
    ['\x7f', 'unknown'],
    ['\t', 'undecided'],
    ['\n', 'undecided'],
    ['\r', 'undecided'],
    ['\x80', 'undecided'],
    ['\xff', 'undecided'],
    ['\r\n\0\0\0\rHello\n', 'text'],
  ])('detects %j as %s', (head, protocol) => {
    const seen = see(head);
    expect(typeof seen === 'string' ? seen : 'undecided').toBe(protocol);
  });
});

describe('a PROXY header', () => {
  const V2 = '\r\n\r\n\0\r\nQUIT\n';

  test.each(['PROXY TCP4 ', 'PROXY TCP6 ::1', 'PROXY UNKNOWN\r', 'PROXY UNKNOWN ', V2, `${V2}!`])(
    'is detected: %j',
    (head) => {
      expect(see(head)).toBe('proxy');
    },
  );

  test.each([
    'PROXY wars\n',
    'PROXY UNKNOWN\n',
    'PROXY TCP4x\n',
    'proxy TCP4 \n',
    ' PROXY TCP4 \n',
    '\r\nPROXY TCP4 \n',
    `${V2.slice(0, -1)}\r`,
  ])('is not: %j', (head) => expect(see(head)).toBe('text'));

  test('of version 2 is held back until its signature ends or is another', () => {
    for (let length = 2; length < V2.length; length += 1) {
      expect(see(V2.slice(0, length))).toEqual({ likely: 'text', idleEndsMessage: false });
      expect(see(`${V2.slice(0, length)}x\n`)).toBe('text');
    }
  });
});

describe('a complete first line', () => {
  test.each([
    // What the codec may accept.
    'GET / HTTP/1.1\r\n',
    'GET / HTTP/1.0\r\n',
    'OPTIONS * HTTP/1.1\r\n',
    'GET http://localhost/ HTTP/1.1\r\n',
    'GET HTTP://HOST/ HTTP/1.1\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    '\r\nGET / HTTP/1.1\r\n',
    '\r\n\r\n\r\nGET / HTTP/1.1\r\n',
    // What it rejects: header lines follow anyway.
    '\nGET / HTTP/1.1\r\n',
    'GET / HTTP/1.1\n',
    'GET  / HTTP/1.1\r\n',
    'GET /  HTTP/1.1\r\n',
    'GET\t/\tHTTP/1.1\r\n',
    'GET\r/\rHTTP/1.1\r\n',
    ' GET / HTTP/1.1\r\n',
    '\tGET / HTTP/1.1\r\n',
    '\rGET / HTTP/1.1\r\n',
    ' / HTTP/1.1\r\n',
    'get / HTTP/1.1\r\n',
    'GET / http/1.1\r\n',
    'FOOBAR / HTTP/1.1\r\n',
    'CONNECT host:443 HTTP/1.1\r\n',
    'PRI * HTTP/2.0\r\n',
    'GET / HTTP/9.9\r\n',
    'GET / HTTP/1.11\r\n',
    'GET / HTTP/1\r\n',
    'GET / HTTP/1.1 \r\n',
    'GET / HTTP/1.1x\r\n',
    ' get / http/1.1x\r\n',
    'GET /a b HTTP/1.1\r\n',
    'GET / HTTP/1.1\r\r\n',
    'GET x HTTP/1.1\r\n',
    'I like HTTP/1.1\r\n',
    '\xe9 \xff HTTP/1.1\r\n',
    // A bare CR behind a request line also ends it.
    'GET / HTTP/1.1\rH',
    'GET / HTTP/1.1\rHost: a\r\r',
    'GET / HTTP/9\rx',
    'I like HTTP/1.1\rx',
    'I like HTTP/1.1\rand 2.0\n',
  ])('goes to HTTP: %j', (head) => {
    expect(see(head)).toBe('http');
  });

  test.each([
    'Hello, server\n',
    'Hello, server\r\n',
    'GET\n',
    'GET well soon\n',
    'get /\r\n',
    'GET /\r\n',
    'GET /\rx\n',
    'GET / HTTP\r\n',
    'GET / HTTP/x\r\n',
    'GET /HTTP/1.1\r\n',
    'HTTP/1.1\r\n',
    'HTTP/1.1 200 OK\r\n',
    'I like HTTP/1\r\n',
    'I like HTTP/1.1.\r\n',
    'I like HTTP/1.1 \r\n',
    'I\xa0like\xa0HTTP/1.1\r\n',
    'see httpd / HTTP/1\r\n',
    'Hello\nGET / HTTP/1.1\r\n',
    '\r\nHello\r\n',
    ' \r\nGET / HTTP/1.1\r\n',
    'PROXY wars\n',
    '\xc3\xa9\n',
  ])('is text: %j', (head) => {
    expect(see(head)).toBe('text');
  });
});
