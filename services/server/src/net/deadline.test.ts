import { once } from 'node:events';
import { connect, createServer } from 'node:net';

import { expect, test, vi } from 'vitest';

import { Deadline } from './deadline.ts';

const FAKED = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'] as const;

test('fires when its time is up, with the reason for which it was started', async () => {
  const reason = await new Promise<string>((resolve) => new Deadline<'idle'>(resolve).start('idle', 1));
  expect(reason).toBe('idle');
});

test('does not fire once stopped, even after its time is up', () => {
  vi.useFakeTimers({ toFake: [...FAKED] });
  const act = vi.fn();
  const deadline = new Deadline<'idle'>(act);
  deadline.start('idle', 10);
  vi.advanceTimersByTime(10);
  deadline.stop();
  vi.runAllTimers();
  expect(act).not.toHaveBeenCalled();
  vi.useRealTimers();
});

test.each([
  ['later', 10, 8, 15, 23],
  ['sooner', 1000, 8, 15, 23],
])('a restart replaces the deadline, %s than before', (_, first, after, second, at) => {
  vi.useFakeTimers({ toFake: [...FAKED] });
  const act = vi.fn();
  const deadline = new Deadline<'idle' | 'message'>(act);
  deadline.start('idle', first);
  vi.advanceTimersByTime(after);
  deadline.start('message', second);
  vi.advanceTimersByTime(at - after - 2);
  expect(act).not.toHaveBeenCalled();
  vi.advanceTimersByTime(3);
  expect(act.mock.calls).toEqual([['message']]);
  vi.useRealTimers();
});

test('has its reason until it fires or is stopped', () => {
  const deadline = new Deadline<'idle' | 'message'>(() => undefined);
  deadline.start('idle', 1000);
  deadline.start('message', 1000);
  expect(deadline.reason).toBe('message');
  deadline.stop();
  expect(deadline.reason).toBeUndefined();
});

test('bytes that arrived while the process was blocked are read before it fires', async () => {
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [socket] = await once(server, 'connection');
  const events: string[] = [];
  const deadline = new Deadline<'idle'>(() => events.push('time up'));
  socket.on('data', () => {
    events.push('read');
    deadline.stop();
  });
  await new Promise((resolve) => client.write('in time', resolve));
  deadline.start('idle', 20);
  // Like a paused container: time passes, and nothing runs.
  const end = performance.now() + 60;
  while (performance.now() < end);
  await expect.poll(() => events).toEqual(['read']);
  client.destroy();
  socket.destroy();
});
