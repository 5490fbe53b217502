import { isUtf8 } from 'node:buffer';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { CodecError } from './codec.ts';
import { assertWellFormed, decodeUtf8 } from './utf8.ts';

const decodeAll = (bytes: Buffer) => decodeUtf8(bytes, 0, bytes.length);

test('throws a bad_utf8 after which decoding may go on', () => {
  const decode = () => decodeAll(Buffer.of(0xff));
  expect(decode).toThrow(CodecError);
  expect(decode).toThrow(expect.objectContaining({ code: 'bad_utf8', fatal: false }));
});

test.each([
  ['a byte that is never used', 'ff'],
  ['a second byte without a first', 'a9'],
  ['a character that is cut', 'f0 9f 98'],
  ['an overlong form', 'c0 af'],
  ['half a surrogate pair', 'ed a0 80'],
  ['a code point beyond the last', 'f4 90 80 80'],
  ['a wrong byte beside a replacement character', 'ef bf bd ff'],
])('refuses %s', (_, digits) => {
  expect(() => decodeAll(Buffer.from(digits.replaceAll(' ', ''), 'hex'))).toThrow(CodecError);
});

test.each(['', 'plain', 'é€😀', '\uFFFD', 'a\uFFFDb', '\uFEFFa', '\0', '\u{10FFFF}'])(
  'hands on %j as it came',
  (text) => {
    expect(decodeAll(Buffer.from(text))).toBe(text);
  },
);

/** Any code point that UTF-8 carries. (The unit `binary` is the same, and takes a second to be made.) */
const anyCharacter = fc
  .oneof(fc.nat({ max: 0xd7_ff }), fc.integer({ min: 0xe0_00, max: 0x10_ff_ff }))
  .map((codePoint) => String.fromCodePoint(codePoint));

/** Whole characters, pieces of characters, and noise. */
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

test('throws for exactly the bytes that are not UTF-8, and puts no replacement character where none was', () => {
  const replacement = Buffer.from('\uFFFD');
  let refused = 0;
  const exact = fc.property(anyBytes, (bytes) => {
    let text;
    try {
      text = decodeAll(bytes);
    } catch {
      refused += 1;
    }
    expect(text !== undefined).toBe(isUtf8(bytes));
    if (text === undefined) return;
    expect(text.includes('\uFFFD')).toBe(bytes.includes(replacement));
    expect(Buffer.from(text)).toEqual(bytes);
  });
  fc.assert(exact, { numRuns: 10_000 });
  // Neither of the two outcomes is a rare one.
  expect(refused).toBeGreaterThan(1000);
  expect(refused).toBeLessThan(9000);
});

test('judges only the bytes between start and end', () => {
  const inside = fc.property(anyBytes, (bytes) => {
    const wrong = Buffer.of(0xc3, 0xff);
    const around = Buffer.concat([wrong, bytes, wrong]);
    const decode = () => decodeUtf8(around, wrong.length, wrong.length + bytes.length);
    if (isUtf8(bytes)) expect(decode()).toBe(bytes.toString());
    else expect(decode).toThrow(CodecError);
  });
  fc.assert(inside, { numRuns: 1000 });
});

test.each(['\uD83D', '\uDE00', 'a\uD83D', '\uDE00\uD83D', '😀\uDE00'])('does not accept %j as well-formed', (text) => {
  expect(() => assertWellFormed(text)).toThrow(RangeError);
});

test.each(['', 'a', '😀', '\uFFFD', '\uFFFF'])('accepts %j as well-formed', (text) => {
  expect(() => assertWellFormed(text)).not.toThrow();
});
