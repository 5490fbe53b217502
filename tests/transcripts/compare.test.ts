/** Differences are found, named, and explained by the list; entries that no longer occur are stale. */
import { expect, test } from 'vitest';

import { deviations, stale, unexplained } from './compare.ts';
import { describeDeviations } from './describe.ts';
import type { Transcripts } from './recorded.ts';

const answered = (status: number, detail: string) => ({
  reason: 'completed',
  responses: [{ status, detail, staysOpen: false }],
});

const RECORDED: Transcripts = {
  'http/one': answered(400, 'no'),
  'http/two': answered(400, 'no'),
  'http/three': answered(400, 'no'),
};
const NOW: Transcripts = {
  'http/one': answered(400, 'no'),
  'http/two': answered(400, 'no Host'),
  'http/three': answered(501, 'no such method'),
};
const IDS = Object.keys(NOW);
const ALL = deviations(RECORDED, NOW);

const named = (found: typeof ALL) => found.map(({ id, parts }) => [id, ...parts]);

test('names the parts that differ, and no equal cases', () => {
  expect(named(ALL)).toEqual([
    ['http/two', 'detail'],
    ['http/three', 'status', 'detail'],
  ]);
});

test('a case on only one side is a difference', () => {
  expect(named(deviations({}, { 'text/new': { heard: ['a'] } }))).toEqual([['text/new', 'heard']]);
  expect(named(deviations({ 'text/old': { heard: ['a'] } }, {}))).toEqual([['text/old', 'heard']]);
});

test('an entry explains only its cases, or only its parts of them', () => {
  const defect = 'says too little';
  expect(named(unexplained(ALL, [{ cases: 'http/two', defect }]))).toEqual([['http/three', 'status', 'detail']]);
  const found = unexplained(ALL, [{ cases: /^http\//, parts: ['detail'], defect }]);
  expect(named(found)).toEqual([['http/three', 'status']]);
});

test('an entry is stale if no case has its id, or a case or part does not differ', () => {
  const defect = 'says too little';
  expect(stale({ cases: /two|three/, defect }, ALL, IDS)).toEqual([]);
  expect(stale({ cases: 'text/', defect }, ALL, IDS)).toEqual(['no case']);
  expect(stale({ cases: 'http/', defect }, ALL, IDS)).toEqual(['http/one']);
  expect(stale({ cases: 'http/', parts: ['detail', 'allow'], defect }, ALL, IDS)).toEqual(['allow']);
});

test('a difference is described by its case, its steps, and both values', () => {
  const cases = [{ id: 'http/three', steps: [Buffer.from('FOO /\n'), { pauseMs: 5 }], ending: 'stays' as const }];
  const text = describeDeviations(unexplained(ALL, [{ cases: 'http/two', defect: '' }]), cases);
  expect(text).toMatch(/^1 of 1 cases differ/);
  expect(text).toContain('http/three\n  the client: "FOO /\\n", 5 ms, stays\n  status was [400]\n          is [501]\n');
});
