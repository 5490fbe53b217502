import { expect, test } from 'vitest';

import { delayed } from './reply-delay.ts';

const client = (signal = new AbortController().signal) =>
  ({ id: 1, address: '127.0.0.1', protocol: 'frames', signal }) as const;

test('a handler without a delay is the handler itself', () => {
  const handler = () => 'hello';
  expect(delayed(handler, 0)).toBe(handler);
});

test('a delayed handler replies after its delay', async () => {
  const heard: string[] = [];
  const reply = delayed((message) => (heard.push(message), 'hello'), 20)('one', client());
  expect(heard).toEqual([]);
  expect(await reply).toBe('hello');
  expect(heard).toEqual(['one']);
});

test('a delayed handler never runs for a client that is gone', async () => {
  const heard: string[] = [];
  const gone = new AbortController();
  const reply = delayed((message) => (heard.push(message), 'hello'), 60_000)('one', client(gone.signal));
  gone.abort();
  await expect(reply).rejects.toThrow('aborted');
  expect(heard).toEqual([]);
});
