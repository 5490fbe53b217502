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
  const called: number[] = [];
  const pending = new PendingWrites();
  const add = (id: number, then = () => {}) => {
    const endTurn = () => {
      called.push(id);
      then();
    };
    pending.add({ onTurnEnd: endTurn } as Connection);
  };
  return { called, add };
}

test('calls onTurnEnd in the order in which connections were added, once for each', async () => {
  const { called, add } = harness();
  add(1);
  add(2);
  expect(called).toEqual([]);
  await setImmediate();
  expect(called).toEqual([1, 2]);
  add(3);
  await setImmediate();
  expect(called).toEqual([1, 2, 3]);
});

test('does not wait for the end of a turn that takes longer than a millisecond', () => {
  const { called, add } = harness();
  add(1);
  now.mockReturnValue(10.9);
  add(2);
  expect(called).toEqual([]);
  now.mockReturnValue(11);
  add(3);
  expect(called).toEqual([1, 2, 3]);
});

test('holds at most 64 connections', () => {
  const { called, add } = harness();
  for (let id = 1; id < 64; id += 1) add(id);
  expect(called).toEqual([]);
  add(64);
  expect(called).toHaveLength(64);
  add(65);
  expect(called).toHaveLength(64);
});

test('accepts connections that are added while it calls others', async () => {
  const { called, add } = harness();
  add(1, () => add(3));
  add(2);
  await setImmediate();
  await setImmediate();
  expect(called).toEqual([1, 2, 3]);
});
