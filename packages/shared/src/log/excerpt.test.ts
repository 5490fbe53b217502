import { runInThisContext } from 'node:vm';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { escapeText, hexBytes, excerpt } from './excerpt.ts';

/** Reads the escapes as in a JavaScript string. */
const unescape = (escaped: string) => runInThisContext(`"${escaped}"`) as string;

test.each([
  ['000A', '\\n'],
  ['000D', '\\r'],
  ['0009', '\\t'],
  ['0022', '\\"'],
  ['005C', '\\\\'],
  ['0000', '\\u{0}'],
  ['001B', '\\u{1b}'],
  ['007F', '\\u{7f}'],
  ['0085', '\\u{85}'],
  ['009B', '\\u{9b}'],
  ['00A0', '\\u{a0}'],
  ['00AD', '\\u{ad}'],
  ['200B', '\\u{200b}'],
  ['2028', '\\u{2028}'],
  ['2029', '\\u{2029}'],
  ['202E', '\\u{202e}'],
  ['2067', '\\u{2067}'],
  ['3000', '\\u{3000}'],
  ['FEFF', '\\u{feff}'],
  ['E000', '\\u{e000}'],
  ['D83D', '\\u{d83d}'],
  ['E0041', '\\u{e0041}'],
  ['10FFFF', '\\u{10ffff}'],
])('shows U+%s as %s', (codePoint, escaped) => {
  const character = String.fromCodePoint(Number.parseInt(codePoint, 16));
  expect(escapeText(`<${character}>`)).toBe(`<${escaped}>`);
});

test.each(['', ' ', 'Hello, server', "it's", 'é€😀', 'שלום', '日本', 'e\u0301', '\uFFFD', '…'])(
  'leaves %j as it is',
  (text) => {
    expect(escapeText(text)).toBe(text);
  },
);

test('escapes every unsafe character, not only the first', () => {
  expect(escapeText('\n"\n"')).toBe('\\n\\"\\n\\"');
});

/** Any code point that UTF-8 can encode, controls more often. (The unit `binary` is similar, but takes a second to build.) */
const anyCharacter = fc
  .oneof(
    fc.nat({ max: 0xff }),
    fc.integer({ min: 0x20_00, max: 0x20_6f }),
    fc.nat({ max: 0xd7_ff }),
    fc.integer({ min: 0xe0_00, max: 0x10_ff_ff }),
  )
  .map((codePoint) => String.fromCodePoint(codePoint));

/** Texts with and without halves of surrogate pairs. */
const anyText = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 100 }),
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc.array(fc.nat({ max: 0xff_ff }), { maxLength: 100 }).map((units) => String.fromCharCode(...units)),
);

test('shows any text on one line, with no character that a terminal could act on', () => {
  const fit = fc.property(anyText, (text) => {
    const escaped = escapeText(text);
    // Except the joiners, which emoji and many scripts need.
    expect(escaped).not.toMatch(/(?![\u{200c}\u{200d}])[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}]|(?! )\p{Z}/u);
    expect(escaped.split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/)).toHaveLength(1);
  });
  fc.assert(fit, { numRuns: 2000 });
});

test('escapes any text as in a JavaScript string', () => {
  const reversible = fc.property(anyText, (text) => {
    expect(unescape(escapeText(text))).toBe(text);
  });
  fc.assert(reversible, { numRuns: 1000 });
});

test.each([
  ['a', 128],
  ['é', 64],
  ['€', 42],
  ['😀', 32],
])('shows as many %s as fit in 128 bytes, and marks what is cut off', (character, count) => {
  expect(excerpt(character.repeat(count))).toBe(character.repeat(count));
  expect(excerpt(character.repeat(count + 1))).toBe(`${character.repeat(count)}…`);
});

test('omits a character that would be cut at 128 bytes', () => {
  expect(excerpt(`${'a'.repeat(125)}😀`)).toBe(`${'a'.repeat(125)}…`);
});

test('cuts before it escapes', () => {
  expect(excerpt('\n'.repeat(129))).toBe(`${'\\n'.repeat(128)}…`);
});

test('shows the longest prefix of any text that fits in 128 bytes', () => {
  const longest = fc.property(anyText, (text) => {
    const sample = excerpt(text);
    if (Buffer.byteLength(text) <= 128) {
      expect(sample).toBe(escapeText(text));
      return;
    }
    const head = unescape(sample.slice(0, -1));
    expect(sample.at(-1)).toBe('…');
    expect(text.startsWith(head)).toBe(true);
    const next = String.fromCodePoint(text.codePointAt(head.length)!);
    expect(Buffer.byteLength(head)).toBeLessThanOrEqual(128);
    expect(Buffer.byteLength(head) + Buffer.byteLength(next)).toBeGreaterThan(128);
  });
  fc.assert(longest, { numRuns: 1000 });
});

test('shows bytes as pairs of digits with spaces between', () => {
  expect(hexBytes(Buffer.from([0, 0x0d, 0xff]))).toBe('00 0d ff');
  expect(hexBytes(Buffer.of(7))).toBe('07');
  expect(hexBytes(Buffer.alloc(0))).toBe('');
});

test('shows at most 128 bytes, and marks what is cut off', () => {
  const most = Array(128).fill('61').join(' ');
  expect(hexBytes(Buffer.from('a'.repeat(128)))).toBe(most);
  expect(hexBytes(Buffer.from('a'.repeat(129)))).toBe(`${most} …`);
});
