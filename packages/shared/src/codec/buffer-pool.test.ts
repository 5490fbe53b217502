import { expect, test } from 'vitest';

import { encoded } from '../../test/encoded.ts';
import { BufferPool } from './buffer-pool.ts';
import { FrameCodec } from './frames.ts';
import { LineCodec } from './lines.ts';

const MEBIBYTE = 2 ** 20;

test('acquires a large buffer that was released again, and to one at a time', () => {
  const pool = new BufferPool();
  const buffer = pool.acquire(100_000);
  pool.release(buffer);
  expect(pool.acquire(100_000)).toBe(buffer);
  expect(pool.acquire(100_000)).not.toBe(buffer);
});

test('acquires no buffer that is too small, or much larger than what is asked for', () => {
  const pool = new BufferPool();
  const buffer = pool.acquire(100_000);
  pool.release(buffer);
  expect(pool.acquire(100_001)).not.toBe(buffer);
  expect(pool.acquire(90_000)).not.toBe(buffer);
  expect(pool.acquire(99_500)).toBe(buffer);
});

test('keeps no small buffers', () => {
  const pool = new BufferPool();
  const buffer = pool.acquire(1000);
  pool.release(buffer);
  expect(pool.acquire(1000)).not.toBe(buffer);
});

test('keeps four mebibytes, those that were released last', () => {
  const pool = new BufferPool();
  const buffers = Array.from({ length: 5 }, () => pool.acquire(MEBIBYTE));
  for (const buffer of buffers) pool.release(buffer);
  const again = Array.from({ length: 5 }, () => pool.acquire(MEBIBYTE));
  expect(buffers.map((buffer) => again.includes(buffer))).toEqual([false, true, true, true, true]);
});

test('finds the buffer that fits among others', () => {
  const pool = new BufferPool();
  const buffers = [200_000, 300_000, 400_000].map((bytes) => pool.acquire(bytes));
  for (const buffer of buffers) pool.release(buffer);
  expect([300_000, 200_000, 400_000].map((bytes) => buffers.indexOf(pool.acquire(bytes)))).toEqual([1, 0, 2]);
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
