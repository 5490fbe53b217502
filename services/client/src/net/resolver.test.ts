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
 * How far apart the first and the last of fifty are at least that come at random times within half a second: nearly all of it,
 * of which a busy machine may lose some at the one end or the other. Without chance they would come in the same millisecond.
 */
const APART_MS = 200;

const never = () => new Promise<never>(() => undefined);
const goOn = new AbortController().signal;

test('asks the system, and nobody else where it answers', async () => {
  asked.system.mockResolvedValue([
    { address: '192.0.2.1', family: 4 },
    { address: '2001:db8::1', family: 6 },
  ]);
  expect(await new ServerResolver('server').addresses(goOn)).toEqual(['192.0.2.1', '2001:db8::1']);
  await sleep(600);
  expect(asked.nameServer).not.toHaveBeenCalled();
});

test('asks the name server where the system hangs, and does not ask the system a second time meanwhile', async () => {
  asked.system.mockImplementation(never);
  asked.nameServer.mockResolvedValue(['192.0.2.2']);
  const lookUp = new ServerResolver('server');
  expect(await lookUp.addresses(goOn)).toEqual(['192.0.2.2']);
  const began = performance.now();
  for (let n = 0; n < 5; n += 1) expect(await lookUp.addresses(goOn)).toEqual(['192.0.2.2']);
  // It is known to hang by now; to wait for it half a second each time would take two and a half.
  expect(performance.now() - began).toBeLessThan(2400);
  expect(asked.system).toHaveBeenCalledTimes(1);
});

test('asks the name server again where it did not know the name', async () => {
  asked.system.mockImplementation(never);
  asked.nameServer.mockRejectedValueOnce(new Error('not here')).mockResolvedValue(['192.0.2.3']);
  expect(await new ServerResolver('server').addresses(goOn)).toEqual(['192.0.2.3']);
});

test('lets a random time pass before it believes an answer that hung, so that clients who hung together do not come together', async () => {
  asked.system.mockImplementation(async () => {
    await sleep(600);
    return [{ address: '192.0.2.4', family: 4 }];
  });
  asked.nameServer.mockRejectedValue(new Error('not here'));
  const began = performance.now();
  const arrivals = await Promise.all(
    Array.from({ length: 50 }, async () => {
      expect(await new ServerResolver('server').addresses(goOn)).toEqual(['192.0.2.4']);
      return performance.now() - began;
    }),
  );
  expect(Math.max(...arrivals) - Math.min(...arrivals)).toBeGreaterThan(APART_MS);
  // Half a second after the answer at most, and not when the system would have asked once more: after its 5 s.
  expect(Math.max(...arrivals)).toBeLessThan(4000);
});

test('asks the name server at random times, so that clients whose look-ups hang together do not come together', async () => {
  asked.system.mockImplementation(never);
  const began = performance.now();
  const times: number[] = [];
  asked.nameServer.mockImplementation(async () => {
    times.push(performance.now() - began);
    if (times.length <= 50) throw new Error('not here yet');
    return ['192.0.2.5'];
  });
  await Promise.all(Array.from({ length: 50 }, () => new ServerResolver('server').addresses(goOn)));
  const second = times.slice(50);
  expect(Math.max(...second) - Math.min(...second)).toBeGreaterThan(APART_MS);
});

test('leaves it to the system to say that there is no such name', async () => {
  asked.system.mockImplementation(async () => {
    await sleep(700);
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  });
  asked.nameServer.mockRejectedValue(new Error('not here either'));
  await expect(new ServerResolver('server').addresses(goOn)).rejects.toMatchObject({ code: 'ENOTFOUND' });
});

test('asks nobody any more once it is called off', async () => {
  asked.system.mockImplementation(never);
  asked.nameServer.mockImplementation(never);
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('too late')), 600);
  await expect(new ServerResolver('server').addresses(controller.signal)).rejects.toThrow('too late');
  expect(asked.cancel).toHaveBeenCalledTimes(1);
});
