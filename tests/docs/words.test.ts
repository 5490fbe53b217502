/** Plain English and the field's own terms: words that hide what a sentence says are kept out of every tracked text. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const LIST = 'tests/docs/words.txt';
/** Made by programs, or not English. */
const NOT_READ = ['pnpm-lock.yaml', 'bench/plots/*', 'tests/transcripts/*.json', 'docs/scorecard.json', '*.png'];

/** The words and the names of the list, each as one expression: names match in the case that they had. */
function readList(): RegExp[] {
  const [words = '', names = ''] = readFileSync(join(ROOT, LIST), 'utf8').split('\n\n');
  return [toExpression(words, 'gi'), toExpression(names, 'g')];
}

function toExpression(lines: string, flags: string): RegExp {
  const patterns = Array.from(lines.matchAll(/^(?!#)(.+) -> /gm), ([, pattern]) => pattern!);
  return new RegExp(`(?<![\\w-])(?:${patterns.join('|')})(?!\\w)`, flags);
}

test.each([
  ['Whoever comes is told so.', ['Whoever', 'is told', 'so.']],
  ['GET /a: anew, anyhow; it stands beside', ['anew', 'beside']],
  ['const unsent = new Unsent();', ['Unsent']],
  ['a sofa, amended: also read', []],
])('finds what is on the list, and nothing else, in %j', (text, found) => {
  expect(readList().flatMap((expression) => text.match(expression) ?? [])).toEqual(found);
});

test('no tracked text has a word of the list', () => {
  const excluded = [LIST, 'tests/docs/words.test.ts', ...NOT_READ].map((path) => `:!${path}`);
  const files = execFileSync('git', ['ls-files', '--', '.', ...excluded], { cwd: ROOT, encoding: 'utf8' });
  const found = files
    .trim()
    .split('\n')
    .flatMap((file) => wordsIn(file));
  expect(found).toEqual([]);
});

/** `file:line: word` for each. */
function wordsIn(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return readList().flatMap((expression) =>
    Array.from(text.matchAll(expression), ({ 0: word, index }) => {
      const line = text.slice(0, index).split('\n').length;
      return `${file}:${line}: ${word}`;
    }),
  );
}
