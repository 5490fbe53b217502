import { expect, test } from 'vitest';

import { RetryBudget } from './retry-budget.ts';

test('allows 32 retries after one crash, and no more', () => {
  const budget = new RetryBudget();
  const allowed = Array.from({ length: 100 }, () => budget.spend()).filter(Boolean);
  expect(allowed).toHaveLength(32);
});

test('then allows one retry per ten replies', () => {
  const budget = new RetryBudget();
  for (let spent = 0; spent < 32; spent += 1) budget.spend();
  expect(budget.spend()).toBe(false);
  for (let replies = 0; replies < 20; replies += 1) budget.reply();
  expect([budget.spend(), budget.spend()]).toEqual([true, false]);
});
