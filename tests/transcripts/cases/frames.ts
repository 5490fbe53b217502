/** Frames: messages, errors and pauses. */
import { frame } from '@knock/server/test/raw-client';

import { byteByByte, type Case, cases, closesAndStays, dripped } from '../case.ts';

const HELLO = frame('Hello');
const LIMIT = 65_536;
const hex = (digits: string) => Buffer.from(digits, 'hex');

const FIRST_BYTES: readonly Case[] = [
  ...closesAndStays('frames/first bytes', {
    'nothing at all': [],
    'one NUL': hex('00'),
    'half a frame': '\0\0\0\x05He',
  }),
  ...cases('frames/first bytes', {
    'kind 1': hex('01'),
    'kind 2, which is goaway': hex('02000000'),
    'SOCKS 5': hex('050100'),
    'a TLS handshake': hex('160301000501000001fc'),
    'a DEL': hex('7f48656c6c6f'),
    'nothing for 29 s, then a frame': [29_000, HELLO],
    'nothing for 31 s, then a frame': [31_000, HELLO],
  }),
];

const MESSAGES: readonly Case[] = [
  ...closesAndStays('frames/messages', {
    one: HELLO,
    'one, byte by byte': byteByByte(HELLO),
    'three in one piece': Buffer.concat([HELLO, frame(''), frame('naïve 世界 👋')]),
    'one, and a part of the next': Buffer.concat([HELLO, HELLO.subarray(0, 3)]),
    'one, and a payload that never comes': Buffer.concat([HELLO, HELLO.subarray(0, 4)]),
    'a thousand in one piece': Buffer.concat(Array.from({ length: 1000 }, () => HELLO)),
  }),
  ...cases('frames/messages', {
    'an HTTP request in a frame': frame('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
    'an HTTP request behind a frame': [HELLO, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    'text behind a frame': [HELLO, 'Hello\n'],
    'a byte order mark': frame('\ufeffHello\ufeff'),
  }),
];

const ERRORS: readonly Case[] = [
  ...closesAndStays('frames/errors', {
    'bad UTF-8, then a message': Buffer.concat([hex('00000002c328'), HELLO]),
    'half a surrogate pair': hex('00000003eda080'),
    'a frame of kind 1 behind a message': Buffer.concat([HELLO, frame('busy: me', 1), HELLO]),
    'a length above any limit, then messages': Buffer.concat([hex('00ffffff'), HELLO]),
    'the largest message': frame('x'.repeat(LIMIT)),
    'one byte above the limit, whole': frame('x'.repeat(LIMIT + 1)),
    'one byte above the limit, announced': frame('x'.repeat(LIMIT + 1)).subarray(0, 4),
  }),
  ...cases('frames/errors', {
    'redis’ seed, and blocks': ['\0', ...Array.from({ length: 40 }, () => 'A'.repeat(1024)), HELLO],
    'what comes while the connection lingers': [hex('00ffffff'), 300, HELLO, 300, HELLO],
    'what comes after it lingered': [hex('00ffffff'), 1500, HELLO],
  }),
  ...cases('frames/errors', { 'a reset at once': [] }, { ending: 'resets' }),
  ...cases(
    'frames/errors',
    {
      'a reset inside a frame': HELLO.subarray(0, 6),
      'a reset behind a message': HELLO,
      'a reset while the handler runs': [frame('wait'), 100],
      'a reset while the connection lingers': [hex('00ffffff'), 100],
    },
    { ending: 'resets' },
  ),
];

const PAUSES: readonly Case[] = cases('frames/pauses', {
  'a second inside a header': [HELLO.subarray(0, 2), 1000, HELLO.subarray(2)],
  'a second inside a payload': [HELLO.subarray(0, 6), 1000, HELLO.subarray(6)],
  'eleven seconds inside a header': [HELLO.subarray(0, 2), 11_000, HELLO.subarray(2)],
  'eleven seconds inside a payload': [HELLO.subarray(0, 6), 11_000, HELLO.subarray(6)],
  'a byte each second': dripped(frame('x'.repeat(30)).subarray(0, 1), 1000, 14),
  'a byte each second behind a message': [HELLO, ...dripped('\0', 1000, 14)],
  'the message deadline begins again with each message': dripped(frame('x'.repeat(10)), 6000, 4),
  '59 s between messages': [HELLO, 59_000, HELLO],
  '61 s between messages': [HELLO, 61_000, HELLO],
});

export const frameCases: readonly Case[] = [...FIRST_BYTES, ...MESSAGES, ...ERRORS, ...PAUSES];
