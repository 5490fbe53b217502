import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { figuresInMarkdown, type Results } from './report.ts';
import { disagreements, type Judged, judgeAll, type Target, TARGETS } from './targets.ts';

const ROOT = join(import.meta.dirname, '../..');
const results = JSON.parse(readFileSync(join(ROOT, 'bench/results.json'), 'utf8')) as Results;

test('the kept results have every target, and their verdicts follow from their figures', () => {
  expect(results.targets.map(({ title }) => title)).toEqual(TARGETS.map(({ title }) => title));
  expect(JSON.parse(JSON.stringify(judgeAll(results.figures)))).toEqual(results.targets);
});

test('docs/performance.md shows the kept results, and no others', () => {
  const paper = readFileSync(join(ROOT, 'docs/performance.md'), 'utf8');
  expect(paper.replaceAll(/ {2,}|-{2,}/g, '')).toContain(figuresInMarkdown(results).replaceAll(/ {2,}|-{2,}/g, ''));
});

test('two runs agree where the intervals of a target overlap', () => {
  const [first, second] = TARGETS;
  const of = (target: Target, low: number, high: number): Judged => ({
    ...target,
    estimate: { median: low, low, high, rounds: 10 },
    verdict: 'met',
  });
  const before = [of(first!, 1, 2), of(second!, 1, 2)];
  expect(disagreements(before, [of(first!, 2, 3), of(second!, 2.1, 3)])).toEqual([second!.title]);
});
