import { expect, test } from 'vitest';

import { inTurn } from './rounds.ts';

test('the order alternates from round to round', () => {
  const all = ['one', 'two', 'three'];
  const reversed = ['three', 'two', 'one'];
  expect([0, 1, 2, 3].map((round) => inTurn(all, round))).toEqual([all, reversed, all, reversed]);
});
