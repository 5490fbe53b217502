import { isUtf8 } from 'node:buffer';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { CodecError } from './codec.ts';
import { assertWellFormed, decodeUtf8 } from './utf8.ts';

const decodeAll = (bytes: Buffer) => decodeUtf8(bytes, 0, bytes.length);

test('throws a non-fatal bad_utf8', () => {
  const decode = () => decodeAll(Buffer.of(0xff));
  expect(decode).toThrow(CodecError);
  expect(decode).toThrow(expect.objectContaining({ code: 'bad_utf8', fatal: false }));
});

test.each([
  ['a byte that UTF-8 never uses', 'ff'],
  ['a continuation byte alone', 'a9'],
  ['a truncated character', 'f0 9f 98'],
  ['an overlong encoding', 'c0 af'],
  ['half a surrogate pair', 'ed a0 80'],
  ['a code point beyond the last', 'f4 90 80 80'],
  ['an invalid byte after a replacement character', 'ef bf bd ff'],
])('rejects %s', (_, digits) => {
  expect(() => decodeAll(Buffer.from(digits.replaceAll(' ', ''), 'hex'))).toThrow(CodecError);
});

test.each(['', 'plain', 'é€😀', '\uFFFD', 'a\uFFFDb', '\uFEFFa', '\0', '\u{10FFFF}'])(
  'decodes %j unchanged',
  (text) => {
    expect(decodeAll(Buffer.from(text))).toBe(text);
  },
);

/** Any code point that UTF-8 can encode. (The unit `binary` is the same, but takes a second to build.) */
const anyCharacter = fc
  .oneof(fc.nat({ max: 0xd7_ff }), fc.integer({ min: 0xe0_00, max: 0x10_ff_ff }))
  .map((codePoint) => String.fromCodePoint(codePoint));

/** Characters, parts of characters, and noise. */
const anyBytes = fc
  .array(
    fc.oneof(
      fc.string({ unit: anyCharacter, maxLength: 4 }).map((text) => Buffer.from(text)),
      fc.constantFrom('efbfbd', 'efbbbf', 'c3', 'a9', 'f09f98', '80', 'eda080').map((hex) => Buffer.from(hex, 'hex')),
      fc.uint8Array({ maxLength: 2 }),
    ),
    { maxLength: 4 },
  )
  .map((parts) => Buffer.concat(parts));

test('throws for exactly the invalid inputs, and never adds a replacement character', () => {
  const replacement = Buffer.from('\uFFFD');
  let rejected = 0;
  const exact = fc.property(anyBytes, (bytes) => {
    let text;
    try {
      text = decodeAll(bytes);
    } catch {
      rejected += 1;
    }
    expect(text !== undefined).toBe(isUtf8(bytes));
    if (text === undefined) return;
    expect(text.includes('\uFFFD')).toBe(bytes.includes(replacement));
    expect(Buffer.from(text)).toEqual(bytes);
  });
  fc.assert(exact, { numRuns: 10_000 });
  // Neither outcome is rare.
  expect(rejected).toBeGreaterThan(1000);
  expect(rejected).toBeLessThan(9000);
});

test('checks only the bytes between start and end', () => {
  const inside = fc.property(anyBytes, (bytes) => {
    const wrong = Buffer.of(0xc3, 0xff);
    const around = Buffer.concat([wrong, bytes, wrong]);
    const decode = () => decodeUtf8(around, wrong.length, wrong.length + bytes.length);
    if (isUtf8(bytes)) expect(decode()).toBe(bytes.toString());
    else expect(decode).toThrow(CodecError);
  });
  fc.assert(inside, { numRuns: 1000 });
});

test.each(['\uD83D', '\uDE00', 'a\uD83D', '\uDE00\uD83D', '😀\uDE00'])('rejects %j as not well-formed', (text) => {
  expect(() => assertWellFormed(text)).toThrow(RangeError);
});

test.each(['', 'a', '😀', '\uFFFD', '\uFFFF'])('accepts %j as well-formed', (text) => {
  expect(() => assertWellFormed(text)).not.toThrow();
});
