import { expect, test } from 'vitest';

import { OutcomeCounts, type Outcome } from './outcome.ts';

const replied: Outcome = { kind: 'replied', reply: '' };
const rejected: Outcome = { kind: 'rejected', code: 'busy', detail: '' };
const notHandled: Outcome = { kind: 'not_handled', why: '' };
const unknown: Outcome = { kind: 'unknown', why: '' };

test.each([
  [[], 0],
  [[replied], 0],
  [[replied, rejected], 2],
  [[notHandled, rejected, replied], 3],
  [[notHandled, unknown, rejected], 4],
])('ends with the exit code of the worst outcome', (outcomes: Outcome[], exitCode) => {
  const counts = new OutcomeCounts();
  for (const outcome of outcomes) counts.add(outcome);
  expect(counts.exitCode).toBe(exitCode);
});

test('counts the outcomes', () => {
  const counts = new OutcomeCounts();
  for (const outcome of [replied, replied, unknown]) counts.add(outcome);
  expect(counts.summary).toBe('2 replied, 0 rejected, 0 not handled, 1 unknown');
});
