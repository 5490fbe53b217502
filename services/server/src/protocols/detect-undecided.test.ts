import { METHODS } from 'node:http';

import { describe, expect, test } from 'vitest';

import { detect, detectAtEnd, MAX_FIRST_LINE_BYTES } from './detect.ts';

const bytesOf = (head: string) => Buffer.from(head, 'latin1');
const see = (head: string) => detect(bytesOf(head));

const IN_PROGRESS = { likely: 'http', idleEndsMessage: false };
const UNENDED_LINE = { likely: 'text', idleEndsMessage: true };
const AFTER_EMPTY_LINES = { likely: 'text', idleEndsMessage: false };

const WITH_LINE_END = MAX_FIRST_LINE_BYTES + 2;
const EMPTY_LINES = '\r\n'.repeat(MAX_FIRST_LINE_BYTES / 2);

describe('an incomplete first line', () => {
  test.each([
    'GET ',
    'M-SEARCH ',
    'GET /',
    'GET /index.html',
    'GET *',
    'GET h',
    'GET HTT',
    'GET http',
    'GET https',
    'GET http:',
    'GET HTTPS://HOST/',
    'GET / ',
    'GET / HTT',
    'GET / HTTP/1.',
    'GET / HTTP/1.1',
    'GET / HTTP/1.9',
    'GET / HTTP/1.1\r',
    '\r\nGET /',
    '\nGET /',
  ])('is a request in progress, which a pause does not turn into text: %j', (head) => {
    expect(see(head)).toEqual(IN_PROGRESS);
  });

  test('may have any method that Node knows', () => {
    for (const method of METHODS) expect(see(`${method} /`)).toEqual(IN_PROGRESS);
  });

  test.each([
    'Hello, server',
    'G',
    'GET',
    'GETTING',
    'GET\t/',
    'GET  /',
    ' GET /',
    'get /',
    'GET he',
    'GET httpx',
    'GET h ',
    'GET / x',
    'GET /  ',
    'GET / HTTP/2',
    'GET / HTTP/1.1x',
    'GET / HTTP/1.10',
    'GET / HTTP/x.',
    'GET / HTTP/1.x',
    'GET /\r',
    'GET /\rx',
    'FOOBAR / HTTP/1.1',
    'I like HTTP/1.1\r',
  ])('becomes text after a pause, which also ends its message: %j', (head) => {
    expect(see(head)).toEqual(UNENDED_LINE);
  });

  test.each(['\n', '\r\n', '\r\n\n', '\r\n\r', '\r\nHello', '\r\nGET'])(
    'becomes text after a pause, which ends no message behind an empty line: %j',
    (head) => {
      expect(see(head)).toEqual(AFTER_EMPTY_LINES);
    },
  );

  test.each([
    ['Hello', 'text'],
    ['GET', 'text'],
    ['GET /', 'text'],
    ['\r\n\r\n', 'text'],
    ['\r', 'text'],
    ['GET / HTTP/1', 'http'],
    ['GET / HTTP/1.1', 'http'],
    ['GET / HTTP/1.1\r', 'http'],
    ['\r\nFOOBAR / HTTP/1.1', 'http'],
    ['I like HTTP/1.1', 'http'],
  ])('ends at half-close: %j is %s', (head, protocol) => {
    expect(typeof see(head)).toBe('object');
    expect(detectAtEnd(bytesOf(head))).toBe(protocol);
  });
});

describe('a first line above the limit', () => {
  test.each([
    ['GET /', 'http'],
    ['DELETE http://a/', 'http'],
    ['\r\n\r\nGET /', 'http'],
    ['get\t/', 'http'],
    [' GET  /', 'http'],
    ['GET ', 'text'],
    ['FOOBAR /', 'text'],
    ['Hello', 'text'],
    ['\r\nHello', 'text'],
    ['\r', 'text'],
  ])('that begins with %j is %s before its end', (start, protocol) => {
    const head = start.padEnd(WITH_LINE_END, 'x');
    expect(typeof see(head.slice(0, -1))).toBe('object');
    expect(see(head)).toBe(protocol);
    expect(see(`${head} HTTP/1.1\r\n`)).toBe(protocol);
  });

  test('does not include a line of exactly the limit', () => {
    const line = `FOOBAR /${'x'.repeat(MAX_FIRST_LINE_BYTES)}`.slice(0, MAX_FIRST_LINE_BYTES - 9);
    expect(see(`${line} HTTP/1.1\r\n`)).toBe('http');
    expect(see(`${line}xx HTTP/1.1\r\n`)).toBe('text');
  });

  test('may consist of empty lines, which are text', () => {
    expect(see(EMPTY_LINES)).toEqual(AFTER_EMPTY_LINES);
    expect(see(`${EMPTY_LINES}\r\n`)).toBe('text');
    expect(see(`${EMPTY_LINES}Hello`)).toBe('text');
    expect(see(`${EMPTY_LINES}\r\n\r\nGET / HTTP/1.1\r\n`)).toBe('text');
  });
});
