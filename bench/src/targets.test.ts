import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { figuresInMarkdown, type Results } from './report.ts';
import { disagreements, type Judged, judgeAll, type Target, TARGETS, targetsNamed, wantedBy } from './targets.ts';

const ROOT = join(import.meta.dirname, '../..');
const results = JSON.parse(readFileSync(join(ROOT, 'bench/results.json'), 'utf8')) as Results;

/** These are newer than the kept results. The next run that is kept measures them, and then this list has to be empty. */
const NEWER = [
  'HTTP GET, 50 × 1, to bare node:http',
  'HTTP GET, 50 × 16, to bare node:http',
  'HTTP GET, 50 × 1, to Fastify',
  'client and server in HTTP, 64 connections, to undici and node:http',
];

test('the kept results have every target that is not newer, and their verdicts follow from their figures', () => {
  const titles = TARGETS.map(({ title }) => title);
  expect([...NEWER, ...results.targets.map(({ title }) => title)].sort()).toEqual(titles.sort());
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

test('targets are found by any part of their titles, in capitals or not', () => {
  const titles = targetsNamed(['http get', 'ZEROMQ']).map(({ title }) => title);
  expect(titles).toEqual([
    'HTTP GET, 50 × 1, to bare node:http',
    'HTTP GET, 50 × 16, to bare node:http',
    'HTTP GET, 50 × 1, to Fastify',
    'client and server, 1024 outstanding, to zeromq.js',
  ]);
  expect(targetsNamed(['no such title'])).toEqual([]);
});

test('some targets need their own figures alone, and of these the two that they compare', () => {
  const wants = wantedBy(targetsNamed(['HTTP POST, 50 × 1']));
  expect(wants('throughput-50x1-13B')).toBe(true);
  expect(wants('throughput-50x16-13B')).toBe(false);
  const names = ['bare node:net', 'bare node:http', 'Knock, frames', 'Knock, HTTP'];
  expect(names.filter((name) => wants('throughput-50x1-13B', name))).toEqual(['bare node:http', 'Knock, HTTP']);
});
