import fc from 'fast-check';
import { expect, test } from 'vitest';

import { CodecError } from './codec.ts';
import { TextBatch } from './text-batch.ts';

/** Decodes all texts from one buffer in order, as a codec does. */
function decodeAll(texts: Buffer[]): string[] {
  const batch = new TextBatch();
  const bytes = Buffer.concat(texts);
  let start = 0;
  return texts.map(({ length }) => {
    start += length;
    return batch.decode(bytes, start - length, start, bytes.length);
  });
}

test('decodes any texts in one buffer, ASCII or not', () => {
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

test('decodes texts on both sides of the end of a batch', () => {
  const texts = Array.from({ length: 500 }, (_, n) => `text ${n}`);
  expect(decodeAll(texts.map((text) => Buffer.from(text)))).toEqual(texts);
});

test('rejects invalid UTF-8, and decodes the texts before and behind it', () => {
  const batch = new TextBatch();
  const bytes = Buffer.concat([Buffer.from('ab'), Buffer.of(0xff), Buffer.from('cd')]);
  expect(batch.decode(bytes, 0, 2, 5)).toBe('ab');
  expect(() => batch.decode(bytes, 2, 3, 5)).toThrow(CodecError);
  expect(batch.decode(bytes, 3, 5, 5)).toBe('cd');
});

test('does not confuse two buffers', () => {
  const batch = new TextBatch();
  expect(batch.decode(Buffer.from('abcd'), 0, 2, 4)).toBe('ab');
  expect(batch.decode(Buffer.from('efgh'), 0, 2, 4)).toBe('ef');
});
