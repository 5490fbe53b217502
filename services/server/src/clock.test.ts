import { once } from 'node:events';
import { connect, createServer } from 'node:net';

import { expect, test, vi } from 'vitest';

import { Clock } from './clock.ts';

const FAKED = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'] as const;

test('acts when its time is up, and says what it was started for', async () => {
  const reason = await new Promise<string>((resolve) => new Clock<'idle'>(resolve).start('idle', 1));
  expect(reason).toBe('idle');
});

test('does not act when it was stopped, even after its time was up', () => {
  vi.useFakeTimers({ toFake: [...FAKED] });
  const act = vi.fn();
  const clock = new Clock<'idle'>(act);
  clock.start('idle', 10);
  vi.advanceTimersByTime(10);
  clock.stop();
  vi.runAllTimers();
  expect(act).not.toHaveBeenCalled();
  vi.useRealTimers();
});

test.each([
  ['later', 10, 8, 15, 23],
  ['sooner', 1000, 8, 15, 23],
])('acts as it was started last, %s than before', (_, first, after, second, at) => {
  vi.useFakeTimers({ toFake: [...FAKED] });
  const act = vi.fn();
  const clock = new Clock<'idle' | 'message'>(act);
  clock.start('idle', first);
  vi.advanceTimersByTime(after);
  clock.start('message', second);
  vi.advanceTimersByTime(at - after - 2);
  expect(act).not.toHaveBeenCalled();
  vi.advanceTimersByTime(3);
  expect(act.mock.calls).toEqual([['message']]);
  vi.useRealTimers();
});

test('is running for its reason until it acts or is stopped', () => {
  const clock = new Clock<'idle' | 'message'>(() => undefined);
  clock.start('idle', 1000);
  clock.start('message', 1000);
  expect(clock.reason).toBe('message');
  clock.stop();
  expect(clock.reason).toBeUndefined();
});

test('lets bytes that came while the program was held up be read before it acts', async () => {
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [socket] = await once(server, 'connection');
  const events: string[] = [];
  const clock = new Clock<'idle'>(() => events.push('time up'));
  socket.on('data', () => {
    events.push('read');
    clock.stop();
  });
  await new Promise((resolve) => client.write('in time', resolve));
  clock.start('idle', 20);
  // As a paused container does: the time passes, and nothing runs.
  const end = performance.now() + 60;
  while (performance.now() < end);
  await expect.poll(() => events).toEqual(['read']);
  client.destroy();
  socket.destroy();
});
