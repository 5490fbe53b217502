import { expect, test } from 'vitest';

import { Tally, type Verdict } from './verdict.ts';

const replied: Verdict = { kind: 'replied', reply: '' };
const refused: Verdict = { kind: 'refused', code: 'busy', sentence: '' };
const notSent: Verdict = { kind: 'not_sent', why: '' };
const unknown: Verdict = { kind: 'unknown', why: '' };

test.each([
  [[], 0],
  [[replied], 0],
  [[replied, refused], 2],
  [[notSent, refused, replied], 3],
  [[notSent, unknown, refused], 4],
])('ends with the exit code of the worst verdict', (verdicts: Verdict[], exitCode) => {
  const tally = new Tally();
  for (const verdict of verdicts) tally.add(verdict);
  expect(tally.exitCode).toBe(exitCode);
});

test('counts the verdicts', () => {
  const tally = new Tally();
  for (const verdict of [replied, replied, unknown]) tally.add(verdict);
  expect(tally.summary).toBe('2 replied, 0 refused, 0 not sent, 1 unknown');
});
