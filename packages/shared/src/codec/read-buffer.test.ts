import fc from 'fast-check';
import { expect, test } from 'vitest';

import { ReadBuffer } from './read-buffer.ts';

const MOST = 16;

const unreadBytes = ({ bytes, start, end }: ReadBuffer) => bytes.subarray(start, end).toString('latin1');

/** Not from a string, which would be a piece of a larger memory. */
function chunkOf(text: string): Buffer {
  const chunk = Buffer.alloc(text.length);
  chunk.write(text, 'latin1');
  return chunk;
}

test('is empty at first', () => {
  const buffer = new ReadBuffer(MOST);
  expect([buffer.length, unreadBytes(buffer)]).toEqual([0, '']);
});

test('takes the memory of a chunk that comes alone, instead of a copy', () => {
  const buffer = new ReadBuffer(MOST);
  const chunk = chunkOf('abc');
  buffer.push(chunk);
  expect(buffer.bytes).toBe(chunk);
});

test('takes the memory of a chunk that comes when everything is read', () => {
  const buffer = new ReadBuffer(MOST);
  buffer.push(chunkOf('abc'));
  buffer.start += 3;
  const chunk = chunkOf('de');
  buffer.push(chunk);
  expect(buffer.bytes).toBe(chunk);
  expect(unreadBytes(buffer)).toBe('de');
});

test('never writes to the memory of a chunk', () => {
  const buffer = new ReadBuffer(MOST);
  const memory = chunkOf('abcdef');
  buffer.push(memory.subarray(0, 2));
  buffer.push(chunkOf('xyz'));
  expect(memory.toString()).toBe('abcdef');
  expect(unreadBytes(buffer)).toBe('abxyz');
});

test('gives all memory back when everything is read', () => {
  const buffer = new ReadBuffer(MOST);
  buffer.push(chunkOf('abc'));
  buffer.start += 3;
  buffer.compact();
  expect([buffer.bytes.length, buffer.length]).toEqual([0, 0]);
});

test('gives the memory of a chunk back when most of it is read', () => {
  const buffer = new ReadBuffer(MOST);
  buffer.push(chunkOf('x'.repeat(65_536)));
  buffer.start += 65_535;
  buffer.compact();
  expect(buffer.bytes.buffer.byteLength).toBe(1);
  expect(unreadBytes(buffer)).toBe('x');
});

test('copies nothing for a chunk of which half is unread', () => {
  const buffer = new ReadBuffer(MOST);
  const chunk = chunkOf('abcd');
  buffer.push(chunk);
  buffer.start += 2;
  buffer.compact();
  expect(buffer.bytes).toBe(chunk);
});

test('makes room for a whole message and no more ahead of need', () => {
  const buffer = new ReadBuffer(MOST);
  for (const letter of 'abcdefghijklmnop') buffer.push(chunkOf(letter));
  expect(buffer.bytes.length).toBe(MOST);
  buffer.push(chunkOf('q'));
  expect(buffer.bytes.length).toBe(MOST + 1);
});

test('copies nothing while there is room', () => {
  const buffer = new ReadBuffer(MOST);
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

type Step = { push: string } | { read: number } | 'tidy';

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 2 * MOST }).map((push) => ({ push })) },
  { weight: 2, arbitrary: fc.nat({ max: 2 * MOST }).map((read) => ({ read })) },
  { weight: 1, arbitrary: fc.constant('tidy' as const) },
);

/** Does the step to both; `expected` is what is unread. */
function follow(buffer: ReadBuffer, expected: string, step: Step): string {
  if (step === 'tidy') {
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

test('holds what was pushed and not read, in its order, whatever is done to it', () => {
  const faithful = fc.property(fc.array(anyStep), (steps) => {
    const buffer = new ReadBuffer(MOST);
    let expected = '';
    for (const step of steps) {
      expected = follow(buffer, expected, step);
      expect([buffer.length, unreadBytes(buffer)]).toEqual([expected.length, expected]);
    }
  });
  fc.assert(faithful, { numRuns: 1000 });
});

test('holds at most twice the unread bytes when it is tidy', () => {
  const modest = fc.property(fc.array(anyStep), (steps) => {
    const buffer = new ReadBuffer(MOST);
    let expected = '';
    for (const step of steps) {
      expected = follow(buffer, expected, step);
      buffer.compact();
      expect(buffer.bytes.buffer.byteLength).toBeLessThanOrEqual(2 * buffer.length);
    }
  });
  fc.assert(modest, { numRuns: 1000 });
});

test('never makes more room than for the largest message or for what is unread', () => {
  const modest = fc.property(fc.array(anyStep), (steps) => {
    const buffer = new ReadBuffer(MOST);
    let expected = '';
    for (const step of steps) {
      const before = buffer.bytes;
      expected = follow(buffer, expected, step);
      if (buffer.bytes === before) continue;
      expect(buffer.bytes.buffer.byteLength).toBeLessThanOrEqual(Math.max(buffer.length, MOST));
    }
  });
  fc.assert(modest, { numRuns: 1000 });
});

test('makes room for all of an announced message at once', () => {
  const buffer = new ReadBuffer(1000);
  buffer.push(chunkOf('x'.repeat(100)));
  buffer.expectedLength = 700;
  buffer.push(chunkOf('x'.repeat(100)));
  expect(buffer.bytes.length).toBe(700);
});

test('makes room for no more than eight times what has come, whatever was announced', () => {
  const buffer = new ReadBuffer(1_000_000);
  buffer.push(chunkOf('x'.repeat(4)));
  buffer.expectedLength = 1_000_000;
  buffer.push(chunkOf('x'));
  expect(buffer.bytes.length).toBe(40);
});
