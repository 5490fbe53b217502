import { expect, test } from 'vitest';

import { estimate, judge, median, ratios } from './ratio.ts';

test('ratios are taken round by round', () => {
  expect(ratios([10, 30], [5, 10])).toEqual([2, 3]);
});

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  [[7], 7],
])('has %j a median of %d', (values, middle) => {
  expect(median(values)).toBe(middle);
});

test('the interval of ten rounds goes from the second smallest to the second largest', () => {
  const values = [9, 2, 8, 3, 7, 4, 6, 5, 100, 1];
  expect(estimate(values)).toEqual({ median: 5.5, low: 2, high: 9, rounds: 10 });
});

test('the interval of twenty rounds goes from the sixth smallest to the sixth largest', () => {
  const values = Array.from({ length: 20 }, (_, n) => n + 1);
  expect(estimate(values)).toMatchObject({ low: 6, high: 15 });
});

test('the interval contains the true median in at least 95 of 100 cases', () => {
  let held = 0;
  const tries = 2000;
  for (let n = 0; n < tries; n += 1) {
    const { low, high } = estimate(Array.from({ length: 10 }, () => Math.random()));
    if (low <= 0.5 && 0.5 <= high) held += 1;
  }
  expect(held / tries).toBeGreaterThan(0.95);
});

test.each([
  [0.96, 1.1, 'met'],
  [0.9, 0.94, 'not met'],
  [0.9, 1, 'within noise'],
] as const)('an interval from %d to %d, where at least 0.95 was wanted, is %s', (low, high, verdict) => {
  expect(judge({ median: 1, low, high, rounds: 10 }, { atLeast: 0.95 })).toBe(verdict);
});

test.each([
  [1, 2, 'met'],
  [2.1, 3, 'not met'],
  [1, 3, 'within noise'],
] as const)('an interval from %d to %d, where at most 2 was wanted, is %s', (low, high, verdict) => {
  expect(judge({ median: 1, low, high, rounds: 10 }, { atMost: 2 })).toBe(verdict);
});

test('no verdict from fewer than ten rounds, except for a single value', () => {
  expect(judge({ median: 2, low: 2, high: 2, rounds: 9 }, { atLeast: 1 })).toBe('within noise');
  expect(judge({ median: 2, low: 2, high: 2, rounds: 1 }, { atLeast: 1 })).toBe('met');
});
