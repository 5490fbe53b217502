import type { LookupAddress } from 'node:dns';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, expect, test, vi } from 'vitest';

import { ServerResolver } from './resolver.ts';

const asked = vi.hoisted(() => ({
  system: vi.fn<() => Promise<LookupAddress[]>>(),
  nameServer: vi.fn<() => Promise<string[]>>(),
  cancel: vi.fn(),
}));

vi.mock('node:dns/promises', () => ({
  lookup: asked.system,
  Resolver: class {
    resolve4 = asked.nameServer;
    resolve6 = () => Promise.reject(new Error('no IPv6'));
    cancel = asked.cancel;
  },
}));

afterEach(() => vi.resetAllMocks());

/**
 * Fifty arrivals with jitter over 500 ms are spread over nearly all of it; a busy machine may lose some at either end. Without
 * jitter they would come in the same millisecond.
 */
const MIN_SPREAD_MS = 200;

const never = () => new Promise<never>(() => undefined);
const notCancelled = new AbortController().signal;

test('asks only the system while it answers', async () => {
  asked.system.mockResolvedValue([
    { address: '192.0.2.1', family: 4 },
    { address: '2001:db8::1', family: 6 },
  ]);
  expect(await new ServerResolver('server').addresses(notCancelled)).toEqual(['192.0.2.1', '2001:db8::1']);
  await sleep(600);
  expect(asked.nameServer).not.toHaveBeenCalled();
});

test('queries the name server while the system hangs, and does not ask the system again meanwhile', async () => {
  asked.system.mockImplementation(never);
  asked.nameServer.mockResolvedValue(['192.0.2.2']);
  const resolver = new ServerResolver('server');
  expect(await resolver.addresses(notCancelled)).toEqual(['192.0.2.2']);
  const began = performance.now();
  for (let n = 0; n < 5; n += 1) expect(await resolver.addresses(notCancelled)).toEqual(['192.0.2.2']);
  // The lookup is known to hang: waiting half a second each time would take 2.5 s.
  expect(performance.now() - began).toBeLessThan(2400);
  expect(asked.system).toHaveBeenCalledTimes(1);
});

test('retries if the name server does not know the name yet', async () => {
  asked.system.mockImplementation(never);
  asked.nameServer.mockRejectedValueOnce(new Error('not here')).mockResolvedValue(['192.0.2.3']);
  expect(await new ServerResolver('server').addresses(notCancelled)).toEqual(['192.0.2.3']);
});

test('delays the answer of a hung lookup with jitter, so that clients do not all connect at once', async () => {
  asked.system.mockImplementation(async () => {
    await sleep(600);
    return [{ address: '192.0.2.4', family: 4 }];
  });
  asked.nameServer.mockRejectedValue(new Error('not here'));
  const began = performance.now();
  const arrivals = await Promise.all(
    Array.from({ length: 50 }, async () => {
      expect(await new ServerResolver('server').addresses(notCancelled)).toEqual(['192.0.2.4']);
      return performance.now() - began;
    }),
  );
  expect(Math.max(...arrivals) - Math.min(...arrivals)).toBeGreaterThan(MIN_SPREAD_MS);
  // At most half a second after the answer, not after the system's own retry at 5 s.
  expect(Math.max(...arrivals)).toBeLessThan(4000);
});

test('queries the name server with jitter, so that clients do not all connect at once', async () => {
  asked.system.mockImplementation(never);
  const began = performance.now();
  const times: number[] = [];
  asked.nameServer.mockImplementation(async () => {
    times.push(performance.now() - began);
    if (times.length <= 50) throw new Error('not here yet');
    return ['192.0.2.5'];
  });
  await Promise.all(Array.from({ length: 50 }, () => new ServerResolver('server').addresses(notCancelled)));
  const second = times.slice(50);
  expect(Math.max(...second) - Math.min(...second)).toBeGreaterThan(MIN_SPREAD_MS);
});

test('leaves "no such name" to the system', async () => {
  asked.system.mockImplementation(async () => {
    await sleep(700);
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  });
  asked.nameServer.mockRejectedValue(new Error('not here either'));
  await expect(new ServerResolver('server').addresses(notCancelled)).rejects.toMatchObject({ code: 'ENOTFOUND' });
});

test('stops querying when it is cancelled', async () => {
  asked.system.mockImplementation(never);
  asked.nameServer.mockImplementation(never);
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('too late')), 600);
  await expect(new ServerResolver('server').addresses(controller.signal)).rejects.toThrow('too late');
  expect(asked.cancel).toHaveBeenCalledTimes(1);
});
