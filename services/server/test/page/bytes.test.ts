import { expect, test } from 'vitest';

import { Anatomy, asText } from '../../src/live/page/bytes.js';
import { relation } from '../../src/live/page/sequence.js';

/** The roles of each read of a stream, with its text. */
function labels(protocol: string, pieces: (string | Buffer)[]): string[][] {
  const anatomy = new Anatomy();
  return pieces.map((piece) => {
    const bytes = [...Buffer.from(piece as string)];
    return anatomy.parts(protocol, bytes, bytes.length).map(({ role, bytes: own }) => `${role}: ${asText(own)}`);
  });
}

const HELLO = Buffer.from('0000000548656c6c6f', 'hex');

test('labels kind, length and payload of a frame', () => {
  expect(labels('frames', [HELLO])).toEqual([['kind: ·', 'length: ···', 'payload: Hello']]);
});

test('keeps its state in a frame that comes in pieces', () => {
  expect(labels('frames', [HELLO.subarray(0, 2), HELLO.subarray(2, 6), HELLO.subarray(6)])).toEqual([
    ['kind: ·', 'length: ·'],
    ['length: ··', 'payload: He'],
    ['payload: llo'],
  ]);
});

test('finds several frames in one read, empty ones too', () => {
  const empty = Buffer.alloc(4);
  expect(labels('frames', [Buffer.concat([HELLO, empty, HELLO])])).toEqual([
    ['kind: ·', 'length: ···', 'payload: Hello', 'kind: ·', 'length: ···', 'kind: ·', 'length: ···', 'payload: Hello'],
  ]);
});

test('keeps its state if the end of a payload was left out, and labels nothing if more was', () => {
  const long = [0, 0, 0, 10, 65, 66];
  const anatomy = new Anatomy();
  anatomy.parts('frames', long, 14);
  expect(anatomy.parts('frames', [...HELLO], 9)[0]).toEqual({ role: 'kind', bytes: [0] });
  const other = new Anatomy();
  other.parts('frames', long, 20);
  expect(other.parts('frames', [...HELLO], 9)).toEqual([{ role: 'bytes', bytes: [...HELLO] }]);
});

test('labels lines and line ends', () => {
  expect(labels('text', ['one\r\ntwo\n', 'three'])).toEqual([
    ['text: one', 'line end: ··', 'text: two', 'line end: ·'],
    ['text: three'],
  ]);
});

test('labels head and body of each request of a connection', () => {
  const head = 'POST / HTTP/1.1\r\nHost: a\r\n\r\n';
  expect(
    labels('http', [`${head}hi`, ' there', `${head}again`]).map((parts) => parts.map((part) => part.split(':')[0])),
  ).toEqual([['head', 'body'], ['body'], ['head', 'body']]);
});

test('labels TLS', () => {
  expect(labels('http', [Buffer.from('160301', 'hex')])).toEqual([['tls: ···']]);
});

test('notes how many reads made how many messages', () => {
  const steps = (kinds: string) =>
    Array.from(kinds, (kind) =>
      kind === 'R'
        ? { kind: 'read' as const, ms: 0, size: 1, hex: '00' }
        : { kind: 'message' as const, ms: 0, text: '' },
    );
  expect(relation(steps('RRRM'), 3)).toBe('3 reads → 1 message');
  expect(relation(steps('RMMM'), 1)).toBe('1 read → 3 messages');
  expect(relation(steps('RMMM'), 2)).toBe('');
  expect(relation(steps('RMRRM'), 4)).toBe('2 reads → 1 message');
});
