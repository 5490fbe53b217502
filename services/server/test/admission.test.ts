import { expect, test } from 'vitest';

import { type Dialled, frame } from './dialled.ts';
import { start, type TestServer } from './test-server.ts';

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** A caller that was answered and stays. */
async function guest(server: TestServer): Promise<Dialled> {
  const caller = await server.dial();
  caller.send(frame('here I am'));
  await caller.until('hello');
  return caller;
}

test('tells callers above the limit, each in its own language, and serves those below on', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await guest(server);

  expect(await server.exchange(frame('me too'))).toContain('busy: the server serves 1 callers');
  expect(await server.exchange('me too\n')).toMatch(/^error: busy: .*\n$/);
  const response = await server.exchange(GET('/'));
  expect(response).toContain('HTTP/1.1 503 ');
  expect(response).toContain('Retry-After: 1');

  inside.send(frame('still here'));
  inside.end();
  expect((await inside.closed()).toString().match(/hello/g)).toHaveLength(2);
  await server.expectReasons('busy', 'busy', 'busy', 'done');
  await server.expectWell();
});

test('answers the probes above the limit: alive, but not ready', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await guest(server);
  expect(await server.exchange(GET('/healthz'))).toContain('HTTP/1.1 200 ');
  expect(await server.exchange(GET('/readyz'))).toContain('HTTP/1.1 503 ');
  inside.end();
  await inside.closed();
});

test('tells at most 32 callers at once, closes the others, and is well afterwards', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await guest(server);
  const crowd = await Promise.all(Array.from({ length: 100 }, () => server.dial()));
  for (const caller of crowd) caller.end(frame('me too'));
  const answers = await Promise.all(crowd.map((caller) => caller.closed()));
  const told = answers.filter((answer) => answer.includes('busy: ')).length;
  expect(told).toBeGreaterThanOrEqual(32);
  inside.end();
  await inside.closed();
  await server.expectWell();
});

test('lets a caller that is turned away and says nothing go after one and a half seconds', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await guest(server);
  const silent = await server.dial();
  const began = performance.now();
  await silent.closed();
  expect(performance.now() - began).toBeLessThan(2000);
  await server.expectReasons('busy');
  inside.end();
  await inside.closed();
});

test('with ACCEPT=once serves the first caller to its end, refuses the second, and ends', async () => {
  await using server = await start({ ACCEPT: 'once' });
  const first = await guest(server);
  await expect(server.dial()).rejects.toThrow('ECONNREFUSED');
  first.send(frame('and again'));
  first.end();
  expect((await first.closed()).toString().match(/hello/g)).toHaveLength(2);
  await server.server.ended;
});

test('with ACCEPT=once does not count callers that are silent, unknown or probes', async () => {
  await using server = await start({ ACCEPT: 'once' });
  const silent = await server.dial();
  const unknown = await server.dial();
  unknown.send(Buffer.of(3));
  await unknown.closed();
  expect(await server.exchange(GET('/healthz'))).toContain('HTTP/1.1 200 ');
  expect(await server.exchange(GET('/'))).toContain('HTTP/1.1 200 ');
  await silent.closed();
  await server.server.ended;
});

test('with ACCEPT=once lets callers that came at the same time go', async () => {
  await using server = await start({ ACCEPT: 'once' });
  const [one, two] = await Promise.all([server.dial(), server.dial()]);
  one.send(frame('me'));
  await one.until('hello');
  two.end(frame('me too'));
  expect((await two.closed()).includes('hello')).toBe(false);
  one.end();
  await server.server.ended;
});
