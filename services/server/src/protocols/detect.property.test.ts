import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { detect, detectAtEnd, MAX_FIRST_LINE_BYTES } from './detect.ts';

const bytesOf = (head: string) => Buffer.from(head, 'latin1');
const see = (head: string) => detect(bytesOf(head));

const EMPTY_LINES = '\r\n'.repeat(MAX_FIRST_LINE_BYTES / 2);

const PIECES = [
  'GET|get|POST|FOOBAR|PRI|CONNECT|G|x|HTTP|\xe9'.split('|'),
  ' | |\t|\v|\r|\n|\r\n|\0|\x16|\x7f'.split('|'),
  '/|*|http:|HTTPS://a/|h|a:443| / HTTP/1.1| HTTP/1.1|HTTP/|1|.|9'.split('|'),
].flat();
const pieces = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 14 });
const short = pieces.map((parts) => parts.join(''));

describe('however the bytes are cut', () => {
  /** All decisions from the first one on, if reads end at `ends`. */
  const decisions = (head: string, ends: number[]) => {
    const seen = ends.map((end) => see(head.slice(0, end)));
    const first = seen.findIndex((one) => typeof one === 'string');
    return first < 0 ? [] : seen.slice(first);
  };
  const whole = (head: string) => decisions(head, [head.length]);
  const unique = (list: unknown[]) => [...new Set(list)];

  test('single bytes give the same decision as one read, and no later byte changes it', () => {
    fc.assert(
      fc.property(short, (head) => {
        const ends = Array.from(head, (_, last) => last + 1);
        expect(unique(decisions(head, ends))).toEqual(whole(head));
      }),
      { numRuns: 5000 },
    );
  });

  test('the same is true at the limit of the first line', () => {
    const filler = fc.constantFrom('x'.repeat(MAX_FIRST_LINE_BYTES), EMPTY_LINES);
    const long = fc
      .tuple(short, filler, fc.nat(60), short)
      .map(([before, much, less, after]) => `${before}${much.slice(less)}${after}`);
    fc.assert(
      fc.property(long, (head) => {
        const ends = Array.from({ length: 80 }, (_, index) => MAX_FIRST_LINE_BYTES - 70 + index);
        const reads = [...ends.filter((end) => end < head.length), head.length];
        expect(unique(decisions(head, reads))).toEqual(whole(head));
      }),
      { numRuns: 200 },
    );
  });

  test('half-close decides a first line like LF', () => {
    fc.assert(
      fc.property(short, (head) => {
        fc.pre(typeof see(head) !== 'string' && typeof see(`${head}\n`) === 'string');
        expect(detectAtEnd(bytesOf(head))).toBe(see(`${head}\n`));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('what looks like HTTP', () => {
  const ending = fc.constantFrom('\n', '\r\n', '\r\r\n', '\rHost: a');
  const version = fc.stringMatching(/^[ \t\v\f\r][Hh][Tt]{2}[Pp]\/[0-9]\.[0-9]$/);
  const lineStart = short.map((text) => text.replaceAll('\n', ''));
  const emptyLines = fc.constantFrom('', '\n', '\r\n', '\n\r\n\r\n');

  test('never becomes text, at any cut, if the line ends in a version', () => {
    fc.assert(
      fc.property(emptyLines, lineStart, version, ending, (before, start, end, after) => {
        const head = `${before}${start}${end}${after}`;
        fc.pre(typeof see(head.charAt(0)) === 'object');
        for (let length = 1; length < head.length; length += 1) expect(see(head.slice(0, length))).not.toBe('text');
        expect(see(head)).toBe('http');
      }),
      { numRuns: 2000 },
    );
  });

  test('has a version behind white space; no other line is HTTP', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((array) => Buffer.from(array).toString('latin1'));
    fc.assert(
      fc.property(fc.oneof(short, bytes), ending, (start, end) => {
        const head = `${start}${end}`;
        fc.pre(!/[ \t\v\f\r]HTTP\/\d/i.test(head));
        expect(see(head)).not.toBe('http');
      }),
      { numRuns: 5000 },
    );
  });
});
