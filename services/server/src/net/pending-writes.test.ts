import { setImmediate } from 'node:timers/promises';

import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';

import type { Connection } from './connection.ts';
import { PendingWrites } from './pending-writes.ts';

/** A clock that only tests move: on a busy machine anything may take a millisecond. */
let now: MockInstance<() => number>;

beforeEach(() => {
  now = vi.spyOn(performance, 'now').mockReturnValue(10);
});
afterEach(() => {
  vi.restoreAllMocks();
});

function harness() {
  const told: number[] = [];
  const pending = new PendingWrites();
  const add = (id: number, then = () => {}) => {
    const endTurn = () => {
      told.push(id);
      then();
    };
    pending.add({ onTurnEnd: endTurn } as Connection);
  };
  return { told, add };
}

test('calls onTurnEnd in the order in which connections were added, once for each', async () => {
  const { told, add } = harness();
  add(1);
  add(2);
  expect(told).toEqual([]);
  await setImmediate();
  expect(told).toEqual([1, 2]);
  add(3);
  await setImmediate();
  expect(told).toEqual([1, 2, 3]);
});

test('does not wait for the end of a turn that takes longer than a millisecond', () => {
  const { told, add } = harness();
  add(1);
  now.mockReturnValue(10.9);
  add(2);
  expect(told).toEqual([]);
  now.mockReturnValue(11);
  add(3);
  expect(told).toEqual([1, 2, 3]);
});

test('holds at most 64 connections', () => {
  const { told, add } = harness();
  for (let id = 1; id < 64; id += 1) add(id);
  expect(told).toEqual([]);
  add(64);
  expect(told).toHaveLength(64);
  add(65);
  expect(told).toHaveLength(64);
});

test('accepts connections that are added while it calls others', async () => {
  const { told, add } = harness();
  add(1, () => add(3));
  add(2);
  await setImmediate();
  await setImmediate();
  expect(told).toEqual([1, 2, 3]);
});
