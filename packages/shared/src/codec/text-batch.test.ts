import fc from 'fast-check';
import { expect, test } from 'vitest';

import { CodecError } from './codec.ts';
import { TextBatch } from './text-batch.ts';

/** All texts out of one piece of memory, in their order, as a codec takes them. */
function decodeAll(texts: Buffer[]): string[] {
  const batch = new TextBatch();
  const bytes = Buffer.concat(texts);
  let start = 0;
  return texts.map(({ length }) => {
    start += length;
    return batch.decode(bytes, start - length, start, bytes.length);
  });
}

test('decodes any texts as they are, ASCII or not, however many lie in one piece of memory', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 20 }).filter((s) => s.isWellFormed()),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 200 }), (texts) => {
      expect(decodeAll(texts.map((one) => Buffer.from(one)))).toEqual(texts);
    }),
  );
});

test('decodes texts on both sides of where a batch ends', () => {
  const texts = Array.from({ length: 500 }, (_, n) => `text ${n}`);
  expect(decodeAll(texts.map((text) => Buffer.from(text)))).toEqual(texts);
});

test('refuses what is not UTF-8, and decodes what lies before and behind it', () => {
  const batch = new TextBatch();
  const bytes = Buffer.concat([Buffer.from('ab'), Buffer.of(0xff), Buffer.from('cd')]);
  expect(batch.decode(bytes, 0, 2, 5)).toBe('ab');
  expect(() => batch.decode(bytes, 2, 3, 5)).toThrow(CodecError);
  expect(batch.decode(bytes, 3, 5, 5)).toBe('cd');
});

test('does not take one piece of memory for another', () => {
  const batch = new TextBatch();
  expect(batch.decode(Buffer.from('abcd'), 0, 2, 4)).toBe('ab');
  expect(batch.decode(Buffer.from('efgh'), 0, 2, 4)).toBe('ef');
});
