import { expect, test } from 'vitest';

import { encoded } from '../../test/encoded.ts';
import { acquire, release } from './buffer-pool.ts';
import { FrameCodec } from './frames.ts';
import { LineCodec } from './lines.ts';

const MEBIBYTE = 2 ** 20;

test('lends a large piece that was given back again, and to one at a time', () => {
  const piece = acquire(100_000);
  release(piece);
  expect(acquire(100_000)).toBe(piece);
  expect(acquire(100_000)).not.toBe(piece);
});

test('lends no piece that is too small, or much larger than what is asked for', () => {
  const piece = acquire(100_000);
  release(piece);
  expect(acquire(100_001)).not.toBe(piece);
  expect(acquire(90_000)).not.toBe(piece);
  expect(acquire(99_500)).toBe(piece);
});

test('keeps no small pieces', () => {
  const piece = acquire(1000);
  release(piece);
  expect(acquire(1000)).not.toBe(piece);
});

test('keeps four mebibytes, those that were given back last', () => {
  const pieces = Array.from({ length: 5 }, () => acquire(MEBIBYTE));
  for (const piece of pieces) release(piece);
  const again = Array.from({ length: 5 }, () => acquire(MEBIBYTE));
  expect(pieces.map((piece) => again.includes(piece))).toEqual([false, true, true, true, true]);
});

test('finds the piece that fits among others', () => {
  const pieces = [200_000, 300_000, 400_000].map((bytes) => acquire(bytes));
  for (const piece of pieces) release(piece);
  expect([300_000, 200_000, 400_000].map((bytes) => pieces.indexOf(acquire(bytes)))).toEqual([1, 0, 2]);
});

const maxBytes = 1_000_000;

test.each([
  ['frames', new FrameCodec({ maxBytes, role: 'server' }), new FrameCodec({ maxBytes, role: 'client' })],
  ['lines', new LineCodec({ maxBytes, role: 'server' }), new LineCodec({ maxBytes, role: 'client' })],
])(
  'in %s, what came is heard, and not what lay there before, though nobody asked in between',
  (_name, server, client) => {
    // Large enough to be gathered in memory that is used again; behind it two short ones, that are decoded together.
    const pushAll = (...texts: string[]) => {
      const stream = Buffer.concat(texts.map((text) => encoded(client, text)));
      server.push(stream.subarray(0, 20_000));
      server.push(stream.subarray(20_000));
    };
    pushAll('a'.repeat(40_000), 'first', 'second');
    expect([server.next(), server.next(), server.next()]).toEqual(['a'.repeat(40_000), 'first', 'second']);
    pushAll('b'.repeat(40_000), 'third', 'fourth');
    expect([server.next(), server.next(), server.next()]).toEqual(['b'.repeat(40_000), 'third', 'fourth']);
  },
);
