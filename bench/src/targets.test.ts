import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { figuresInMarkdown, type Results } from './report.ts';
import { disagreements, type Judged, judgeAll, type Target, TARGETS, targetsNamed, wantedBy } from './targets.ts';

const ROOT = join(import.meta.dirname, '../..');
const results = JSON.parse(readFileSync(join(ROOT, 'bench/results.json'), 'utf8')) as Results;

/** Targets newer than the kept results. The next kept run measures them: then empty this list. */
const NEWER = [
  'HTTP GET, 50 × 1, to bare node:http',
  'HTTP GET, 50 × 16, to bare node:http',
  'HTTP GET, 50 × 1, to Fastify',
  'client and server in HTTP, 64 connections, to undici and node:http',
];

test('the kept results have every older target, with verdicts that match their figures', () => {
  const titles = TARGETS.map(({ title }) => title);
  expect([...NEWER, ...results.targets.map(({ title }) => title)].sort()).toEqual(titles.sort());
  expect(JSON.parse(JSON.stringify(judgeAll(results.figures)))).toEqual(results.targets);
});

test('docs/performance.md shows exactly the kept results', () => {
  const page = readFileSync(join(ROOT, 'docs/performance.md'), 'utf8');
  expect(page.replaceAll(/ {2,}|-{2,}/g, '')).toContain(figuresInMarkdown(results).replaceAll(/ {2,}|-{2,}/g, ''));
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

test('targets match any part of their title, in any case', () => {
  const titles = targetsNamed(['http get', 'ZEROMQ']).map(({ title }) => title);
  expect(titles).toEqual([
    'HTTP GET, 50 × 1, to bare node:http',
    'HTTP GET, 50 × 16, to bare node:http',
    'HTTP GET, 50 × 1, to Fastify',
    'client and server, 1024 outstanding, to zeromq.js',
  ]);
  expect(targetsNamed(['no such title'])).toEqual([]);
});

test('selected targets need only their own figures, and in them only the two competitors that they compare', () => {
  const wants = wantedBy(targetsNamed(['HTTP POST, 50 × 1']));
  expect(wants('throughput-50x1-13B')).toBe(true);
  expect(wants('throughput-50x16-13B')).toBe(false);
  const names = ['bare node:net', 'bare node:http', 'Knock, frames', 'Knock, HTTP'];
  expect(names.filter((name) => wants('throughput-50x1-13B', name))).toEqual(['bare node:http', 'Knock, HTTP']);
});
