/** Text: lines, pauses that end a message, and first lines that almost look like another protocol. */
import { frame } from '@knock/server/test/raw-client';

import { byteByByte, type Case, cases, closesAndStays, dripped } from '../case.ts';

const LIMIT = 65_536;

const FIRST_BYTES: readonly Case[] = closesAndStays('text/first bytes', {
  'the article’s message': 'Hello, server',
  'a letter': 'H',
  'the beginning of a method': 'GE',
  'a method': 'GET',
  'a method and a space': 'GET ',
  'a method, a space and the beginning of a target': 'GET ht',
  'GET well soon': 'GET well soon',
  'a line end': '\n',
  'CR LF': '\r\n',
  'a lone CR': '\r',
  'a tab': '\tHello',
  'a space': ' Hello',
  'bytes beyond ASCII': 'é',
  'a PROXY header of no address': 'PROXY wars\r\n',
  'a PROXY header of a stranger': 'PROXY TCP4 203.0.113.7 198.51.100.1 4660 12000\r\n',
  'the first byte of no UTF-8': Buffer.from('ff', 'hex'),
});

const LINES: readonly Case[] = [
  ...closesAndStays('text/lines', {
    one: 'Hello\n',
    'one that ends in CR LF': 'Hello\r\n',
    'one, byte by byte': byteByByte('Hello\r\n'),
    'one that ends in a lone CR': 'Hello\r',
    'three, the second empty': 'one\n\nthree\n',
    'one and a half': 'one\ntwo',
    'a CR inside': 'o\rne\n',
    'a NUL inside': 'o\0ne\n',
    'characters of many bytes': 'naïve 世界 👋\n',
    'a byte order mark': '\ufeffHello\n',
    'a line that looks like an error': 'error: busy: me\n',
    'a thousand': 'Hello\n'.repeat(1000),
  }),
  ...cases('text/lines', {
    'a frame behind a line': ['Hello\n', frame('Hello'), '\n'],
    'a request behind a line': ['Hello\n', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  }),
];

const ERRORS: readonly Case[] = [
  ...closesAndStays('text/errors', {
    'bad UTF-8, then a line': Buffer.from('c3280a480a', 'hex'),
    'bad UTF-8 without a line end': Buffer.from('48c328', 'hex'),
    'the longest line': `${'x'.repeat(LIMIT)}\r\n`,
    'a line one byte above the limit': `${'x'.repeat(LIMIT + 1)}\nHello\n`,
    'a line above the limit that does not end': 'x'.repeat(LIMIT + 2),
  }),
  ...cases(
    'text/errors',
    {
      'a reset inside a line': 'Hello',
      'a reset behind a line': 'Hello\n',
      'a reset while the handler runs': ['wait\n', 100],
    },
    { ending: 'resets' },
  ),
];

const PAUSES: readonly Case[] = cases('text/pauses', {
  'shorter than the one that ends a message': ['Hello', 200, ', server'],
  'longer than the one that ends a message': ['Hello', 300, ', server'],
  'longer than that inside a line, behind a line': ['one\ntw', 300, 'o\n'],
  'longer than that inside the first line': ['on', 300, 'e\n'],
  'longer than that behind a method': ['GET', 300, ' / HTTP/1.1\r\nHost: a\r\n\r\n'],
  'longer than that behind an empty line': ['\r\n', 300, 'Hello\n'],
  'a letter each 200 ms': dripped('x', 200, 60),
  'a letter each second, behind a line': ['one\n', ...dripped('x', 1000, 14)],
  '59 s between lines': ['one\n', 59_000, 'two\n'],
  '61 s between lines': ['one\n', 61_000, 'two\n'],
});

export const textCases: readonly Case[] = [...FIRST_BYTES, ...LINES, ...ERRORS, ...PAUSES];
