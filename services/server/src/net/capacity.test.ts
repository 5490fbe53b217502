import { expect, test } from 'vitest';

import { capacity } from './capacity.ts';

const settings = { MAX_CONNECTIONS: 1000, MAX_MESSAGE_BYTES: 65_536 };
const machine = { descriptors: undefined, memoryBytes: undefined };

test('takes as many clients as it is told to, where the machine sets no limit', () => {
  expect(capacity(settings, machine)).toEqual({ maxConnections: 1000, memoryBytes: 1000 * 3 * 65_536, warnings: [] });
});

test('never takes more clients than there are descriptors, less 128, and says so', () => {
  const { maxConnections, warnings } = capacity(settings, { ...machine, descriptors: 1024 });
  expect(maxConnections).toBe(896);
  expect(warnings).toEqual([expect.stringContaining('MAX_CONNECTIONS=1000 is lowered to 896')]);
});

test('takes one client where there are hardly any descriptors', () => {
  expect(capacity(settings, { ...machine, descriptors: 20 }).maxConnections).toBe(1);
});

test('warns where the clients could take more memory than there is', () => {
  const { warnings } = capacity(settings, { ...machine, memoryBytes: 64 * 2 ** 20 });
  expect(warnings).toEqual([expect.stringMatching(/can take 188 MiB, but the limit is 64 MiB/)]);
});
