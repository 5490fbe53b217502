import fc from 'fast-check';
import { expect, test } from 'vitest';

import { ReadBuffer } from './read-buffer.ts';

const MAX_BYTES = 16;

const unreadBytes = ({ bytes, start, end }: ReadBuffer) => bytes.subarray(start, end).toString('latin1');

/** Not `Buffer.from(text)`: that would share a pooled ArrayBuffer. */
function chunkOf(text: string): Buffer {
  const chunk = Buffer.alloc(text.length);
  chunk.write(text, 'latin1');
  return chunk;
}

test('starts empty', () => {
  const buffer = new ReadBuffer(MAX_BYTES);
  expect([buffer.length, unreadBytes(buffer)]).toEqual([0, '']);
});

test('keeps a first chunk without copying it', () => {
  const buffer = new ReadBuffer(MAX_BYTES);
  const chunk = chunkOf('abc');
  buffer.push(chunk);
  expect(buffer.bytes).toBe(chunk);
});

test('keeps a chunk without copying it when everything before it is read', () => {
  const buffer = new ReadBuffer(MAX_BYTES);
  buffer.push(chunkOf('abc'));
  buffer.start += 3;
  const chunk = chunkOf('de');
  buffer.push(chunk);
  expect(buffer.bytes).toBe(chunk);
  expect(unreadBytes(buffer)).toBe('de');
});

test('never writes to the memory of a chunk', () => {
  const buffer = new ReadBuffer(MAX_BYTES);
  const memory = chunkOf('abcdef');
  buffer.push(memory.subarray(0, 2));
  buffer.push(chunkOf('xyz'));
  expect(memory.toString()).toBe('abcdef');
  expect(unreadBytes(buffer)).toBe('abxyz');
});

test('releases all memory when everything is read', () => {
  const buffer = new ReadBuffer(MAX_BYTES);
  buffer.push(chunkOf('abc'));
  buffer.start += 3;
  buffer.compact();
  expect([buffer.bytes.length, buffer.length]).toEqual([0, 0]);
});

test('releases a chunk when most of it is read', () => {
  const buffer = new ReadBuffer(MAX_BYTES);
  buffer.push(chunkOf('x'.repeat(65_536)));
  buffer.start += 65_535;
  buffer.compact();
  expect(buffer.bytes.buffer.byteLength).toBe(1);
  expect(unreadBytes(buffer)).toBe('x');
});

test('copies nothing while half of a chunk is unread', () => {
  const buffer = new ReadBuffer(MAX_BYTES);
  const chunk = chunkOf('abcd');
  buffer.push(chunk);
  buffer.start += 2;
  buffer.compact();
  expect(buffer.bytes).toBe(chunk);
});

test('grows to the largest message ahead of need, and no further', () => {
  const buffer = new ReadBuffer(MAX_BYTES);
  for (const letter of 'abcdefghijklmnop') buffer.push(chunkOf(letter));
  expect(buffer.bytes.length).toBe(MAX_BYTES);
  buffer.push(chunkOf('q'));
  expect(buffer.bytes.length).toBe(MAX_BYTES + 1);
});

test('copies nothing while there is room', () => {
  const buffer = new ReadBuffer(MAX_BYTES);
  buffer.push(chunkOf('a'));
  buffer.push(chunkOf('b'));
  const memory = buffer.bytes;
  expect(memory.length).toBe(4);
  buffer.push(chunkOf('cd'));
  expect(buffer.bytes).toBe(memory);
  expect(unreadBytes(buffer)).toBe('abcd');
});

test('copies a message that comes byte by byte only when its length has doubled', () => {
  const buffer = new ReadBuffer(2 ** 17);
  const memories = new Set<Buffer>();
  for (let index = 0; index < 2 ** 16; index++) {
    buffer.push(Buffer.of(0x61));
    buffer.compact();
    memories.add(buffer.bytes);
  }
  expect(buffer.length).toBe(2 ** 16);
  expect(memories.size).toBeLessThanOrEqual(17);
});

type Step = { push: string } | { read: number } | 'compact';

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 2 * MAX_BYTES }).map((push) => ({ push })) },
  { weight: 2, arbitrary: fc.nat({ max: 2 * MAX_BYTES }).map((read) => ({ read })) },
  { weight: 1, arbitrary: fc.constant('compact' as const) },
);

/** Applies the step to both; `expected` is the unread text. */
function follow(buffer: ReadBuffer, expected: string, step: Step): string {
  if (step === 'compact') {
    buffer.compact();
    return expected;
  }
  if ('push' in step) {
    buffer.push(chunkOf(step.push));
    return expected + step.push;
  }
  const read = Math.min(step.read, buffer.length);
  buffer.start += read;
  return expected.slice(read);
}

test('holds the unread bytes in order, whatever the steps', () => {
  const faithful = fc.property(fc.array(anyStep), (steps) => {
    const buffer = new ReadBuffer(MAX_BYTES);
    let expected = '';
    for (const step of steps) {
      expected = follow(buffer, expected, step);
      expect([buffer.length, unreadBytes(buffer)]).toEqual([expected.length, expected]);
    }
  });
  fc.assert(faithful, { numRuns: 1000 });
});

test('holds at most twice the unread bytes after compact()', () => {
  const modest = fc.property(fc.array(anyStep), (steps) => {
    const buffer = new ReadBuffer(MAX_BYTES);
    let expected = '';
    for (const step of steps) {
      expected = follow(buffer, expected, step);
      buffer.compact();
      expect(buffer.bytes.buffer.byteLength).toBeLessThanOrEqual(2 * buffer.length);
    }
  });
  fc.assert(modest, { numRuns: 1000 });
});

test('never grows beyond the largest message or the unread bytes', () => {
  const modest = fc.property(fc.array(anyStep), (steps) => {
    const buffer = new ReadBuffer(MAX_BYTES);
    let expected = '';
    for (const step of steps) {
      const before = buffer.bytes;
      expected = follow(buffer, expected, step);
      if (buffer.bytes === before) continue;
      expect(buffer.bytes.buffer.byteLength).toBeLessThanOrEqual(Math.max(buffer.length, MAX_BYTES));
    }
  });
  fc.assert(modest, { numRuns: 1000 });
});

test('grows to an announced message at once', () => {
  const buffer = new ReadBuffer(1000);
  buffer.push(chunkOf('x'.repeat(100)));
  buffer.expectedLength = 700;
  buffer.push(chunkOf('x'.repeat(100)));
  expect(buffer.bytes.length).toBe(700);
});

test('grows to at most 8 times what has come, whatever was announced', () => {
  const buffer = new ReadBuffer(1_000_000);
  buffer.push(chunkOf('x'.repeat(4)));
  buffer.expectedLength = 1_000_000;
  buffer.push(chunkOf('x'));
  expect(buffer.bytes.length).toBe(40);
});
