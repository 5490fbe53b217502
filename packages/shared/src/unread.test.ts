import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Unread } from './unread.ts';

const MOST = 16;

const unreadBytes = ({ bytes, start, end }: Unread) => bytes.subarray(start, end).toString('latin1');

/** Not from a string, which would be a piece of a larger memory. */
function chunkOf(text: string): Buffer {
  const chunk = Buffer.alloc(text.length);
  chunk.write(text, 'latin1');
  return chunk;
}

test('is empty at first', () => {
  const unread = new Unread(MOST);
  expect([unread.length, unreadBytes(unread)]).toEqual([0, '']);
});

test('takes the memory of a chunk that comes alone, instead of a copy', () => {
  const unread = new Unread(MOST);
  const chunk = chunkOf('abc');
  unread.push(chunk);
  expect(unread.bytes).toBe(chunk);
});

test('takes the memory of a chunk that comes when everything is read', () => {
  const unread = new Unread(MOST);
  unread.push(chunkOf('abc'));
  unread.start += 3;
  const chunk = chunkOf('de');
  unread.push(chunk);
  expect(unread.bytes).toBe(chunk);
  expect(unreadBytes(unread)).toBe('de');
});

test('never writes to the memory of a chunk', () => {
  const unread = new Unread(MOST);
  const memory = chunkOf('abcdef');
  unread.push(memory.subarray(0, 2));
  unread.push(chunkOf('xyz'));
  expect(memory.toString()).toBe('abcdef');
  expect(unreadBytes(unread)).toBe('abxyz');
});

test('gives all memory back when everything is read', () => {
  const unread = new Unread(MOST);
  unread.push(chunkOf('abc'));
  unread.start += 3;
  unread.tidy();
  expect([unread.bytes.length, unread.length]).toEqual([0, 0]);
});

test('gives the memory of a chunk back when most of it is read', () => {
  const unread = new Unread(MOST);
  unread.push(chunkOf('x'.repeat(65_536)));
  unread.start += 65_535;
  unread.tidy();
  expect(unread.bytes.buffer.byteLength).toBe(1);
  expect(unreadBytes(unread)).toBe('x');
});

test('copies nothing for a chunk of which half is unread', () => {
  const unread = new Unread(MOST);
  const chunk = chunkOf('abcd');
  unread.push(chunk);
  unread.start += 2;
  unread.tidy();
  expect(unread.bytes).toBe(chunk);
});

test('makes room for a whole message and no more ahead of need', () => {
  const unread = new Unread(MOST);
  for (const letter of 'abcdefghijklmnop') unread.push(chunkOf(letter));
  expect(unread.bytes.length).toBe(MOST);
  unread.push(chunkOf('q'));
  expect(unread.bytes.length).toBe(MOST + 1);
});

test('copies nothing while there is room', () => {
  const unread = new Unread(MOST);
  unread.push(chunkOf('a'));
  unread.push(chunkOf('b'));
  const memory = unread.bytes;
  expect(memory.length).toBe(4);
  unread.push(chunkOf('cd'));
  expect(unread.bytes).toBe(memory);
  expect(unreadBytes(unread)).toBe('abcd');
});

test('copies a message that comes byte by byte only when its length has doubled', () => {
  const unread = new Unread(2 ** 17);
  const memories = new Set<Buffer>();
  for (let index = 0; index < 2 ** 16; index++) {
    unread.push(Buffer.of(0x61));
    unread.tidy();
    memories.add(unread.bytes);
  }
  expect(unread.length).toBe(2 ** 16);
  expect(memories.size).toBeLessThanOrEqual(17);
});

type Step = { push: string } | { read: number } | 'tidy';

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 2 * MOST }).map((push) => ({ push })) },
  { weight: 2, arbitrary: fc.nat({ max: 2 * MOST }).map((read) => ({ read })) },
  { weight: 1, arbitrary: fc.constant('tidy' as const) },
);

/** Does the step to both; `expected` is what is unread. */
function follow(unread: Unread, expected: string, step: Step): string {
  if (step === 'tidy') {
    unread.tidy();
    return expected;
  }
  if ('push' in step) {
    unread.push(chunkOf(step.push));
    return expected + step.push;
  }
  const read = Math.min(step.read, unread.length);
  unread.start += read;
  return expected.slice(read);
}

test('holds what was pushed and not read, in its order, whatever is done to it', () => {
  const faithful = fc.property(fc.array(anyStep), (steps) => {
    const unread = new Unread(MOST);
    let expected = '';
    for (const step of steps) {
      expected = follow(unread, expected, step);
      expect([unread.length, unreadBytes(unread)]).toEqual([expected.length, expected]);
    }
  });
  fc.assert(faithful, { numRuns: 1000 });
});

test('holds at most twice the unread bytes when it is tidy', () => {
  const modest = fc.property(fc.array(anyStep), (steps) => {
    const unread = new Unread(MOST);
    let expected = '';
    for (const step of steps) {
      expected = follow(unread, expected, step);
      unread.tidy();
      expect(unread.bytes.buffer.byteLength).toBeLessThanOrEqual(2 * unread.length);
    }
  });
  fc.assert(modest, { numRuns: 1000 });
});

test('never makes more room than for the largest message or for what is unread', () => {
  const modest = fc.property(fc.array(anyStep), (steps) => {
    const unread = new Unread(MOST);
    let expected = '';
    for (const step of steps) {
      const before = unread.bytes;
      expected = follow(unread, expected, step);
      if (unread.bytes === before) continue;
      expect(unread.bytes.buffer.byteLength).toBeLessThanOrEqual(Math.max(unread.length, MOST));
    }
  });
  fc.assert(modest, { numRuns: 1000 });
});

test('makes room for all of an announced message at once', () => {
  const unread = new Unread(1000);
  unread.push(chunkOf('x'.repeat(100)));
  unread.expected = 700;
  unread.push(chunkOf('x'.repeat(100)));
  expect(unread.bytes.length).toBe(700);
});

test('makes room for no more than eight times what has come, whatever was announced', () => {
  const unread = new Unread(1_000_000);
  unread.push(chunkOf('x'.repeat(4)));
  unread.expected = 1_000_000;
  unread.push(chunkOf('x'));
  expect(unread.bytes.length).toBe(40);
});
