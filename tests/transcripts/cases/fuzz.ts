/** Streams of each protocol, mutated and split at pseudo-random places, reproducibly. */
import { frame } from '@knock/server/test/raw-client';

import { Random } from '../../support/random.ts';
import { type Act, byteByByte, type Case, steps } from '../case.ts';

/** Small, so that messages often exceed it. */
const SETTINGS = { MAX_MESSAGE_BYTES: 100 };
/** The longest stream that is sent byte by byte. */
const LONGEST_DRIP = 120;
const PAUSES_MS = [10, 300, 3000, 11_000];
const ENDINGS = ['closes', 'closes', 'stays', 'stays', 'resets'] as const;

const MESSAGES = ['', 'Hello', 'naïve 👋', 'later', 'wait', 'throw', 'error: no', 'x'.repeat(100), 'x'.repeat(101)];

const TOKENS = [
  ...Array.from('\0\x01\x02\t\n\r\x16\x7f\xff :,;0-"'),
  '\r\n',
  '\r\n\r\n',
  'GET ',
  ' HTTP/1.1\r\n',
  'http://',
  'Host: b\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
].map((token) => Buffer.from(token, 'latin1'));

const STREAMS: readonly { folder: string; count: number; stream: (random: Random) => Buffer }[] = [
  { folder: 'frames', count: 75, stream: frames },
  { folder: 'text', count: 75, stream: lines },
  { folder: 'http', count: 150, stream: requests },
];

export const fuzzCases: readonly Case[] = STREAMS.flatMap(({ folder, count, stream }) =>
  Array.from({ length: count }, (_, n): Case => {
    const random = new Random(n);
    return {
      id: `${folder}/fuzz/${n}`,
      steps: steps(...cut(spoilt(stream(random), random), random)),
      ending: random.oneOf(ENDINGS),
      settings: SETTINGS,
    };
  }),
);

function frames(random: Random): Buffer {
  const make = () => frame(random.oneOf(MESSAGES), random.below(20) === 0 ? 1 : 0);
  return Buffer.concat([make(), ...random.list(3, make)]);
}

function lines(random: Random): Buffer {
  const all = random.list(4, () => random.oneOf(MESSAGES) + random.oneOf(['\n', '\r\n']));
  return Buffer.from(all.join('') + random.oneOf(MESSAGES));
}

function requests(random: Random): Buffer {
  const make = () => request(random);
  return Buffer.from([make(), ...random.list(2, make)].join(''));
}

function request(random: Random): string {
  const method = random.oneOf(['GET', 'POST', 'POST', 'HEAD', 'DELETE', 'OPTIONS']);
  const target = random.oneOf(['/', '/', '/', '/?a', '/x', '/healthz', '*', 'http://a/']);
  const fields = random.list(2, () => random.oneOf(['X: y\r\n', 'Connection: close\r\n', 'Expect: 100-continue\r\n']));
  const host = random.oneOf(['Host: a\r\n', 'Host: a\r\n', 'Host: a\r\n', 'Host: evil.example\r\n', '']);
  return `${method} ${target} HTTP/1.${random.oneOf([0, 1, 1, 1])}\r\n${host}${fields.join('')}${body(random)}`;
}

function body(random: Random): string {
  const message = random.oneOf(MESSAGES);
  const length = Buffer.byteLength(message);
  if (random.below(3) > 0) return random.below(2) ? '\r\n' : `Content-Length: ${length}\r\n\r\n${message}`;
  const chunk = length === 0 ? '' : `${length.toString(16)}${random.oneOf(['', ';a=b'])}\r\n${message}\r\n`;
  return `Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n${random.oneOf(['', 'X: y\r\n'])}\r\n`;
}

/** Mutated at up to two places: bytes inserted, overwritten, removed or doubled, or the stream truncated. */
function spoilt(stream: Buffer, random: Random): Buffer {
  return random
    .list(2, () => random.oneOf(TOKENS))
    .reduce((bytes, token) => {
      const start = random.below(bytes.length + 1);
      const end = start + 1 + random.below(12);
      const [before, piece, behind] = [bytes.subarray(0, start), bytes.subarray(start, end), bytes.subarray(end)];
      const changed = random.oneOf([
        [before, token, piece, behind],
        [before, token, bytes.subarray(start + token.length)],
        [before, behind],
        [before, piece, piece, behind],
        [before],
      ]);
      return Buffer.concat(changed);
    }, stream);
}

function cut(stream: Buffer, random: Random): Act[] {
  if (random.below(5) === 0 && stream.length <= LONGEST_DRIP) return byteByByte(stream);
  const places = random.list(4, () => random.below(stream.length + 1)).sort((one, other) => one - other);
  const pieces = [...places, stream.length].map((end, n) => stream.subarray(places[n - 1] ?? 0, end));
  return pieces
    .filter(({ length }) => length > 0)
    .flatMap((piece) => (random.below(6) === 0 ? [piece, random.oneOf(PAUSES_MS)] : [piece]));
}
