import { expect, test } from 'vitest';

import { capacity } from './capacity.ts';

const settings = { MAX_CONNECTIONS: 1000, MAX_MESSAGE_BYTES: 65_536 };
const machine = { descriptors: undefined, memoryBytes: undefined };

test('allows MAX_CONNECTIONS where the machine sets no limit', () => {
  expect(capacity(settings, machine)).toEqual({ maxConnections: 1000, memoryBytes: 1000 * 3 * 65_536, warnings: [] });
});

test('lowers MAX_CONNECTIONS to the descriptor limit less 128, with a warning', () => {
  const { maxConnections, warnings } = capacity(settings, { ...machine, descriptors: 1024 });
  expect(maxConnections).toBe(896);
  expect(warnings).toEqual([expect.stringContaining('MAX_CONNECTIONS=1000 is lowered to 896')]);
});

test('allows at least one connection, however few descriptors there are', () => {
  expect(capacity(settings, { ...machine, descriptors: 20 }).maxConnections).toBe(1);
});

test('warns where connections could take more than the memory limit', () => {
  const { warnings } = capacity(settings, { ...machine, memoryBytes: 64 * 2 ** 20 });
  expect(warnings).toEqual([expect.stringMatching(/can take 188 MiB, but the memory limit is 64 MiB/)]);
});
