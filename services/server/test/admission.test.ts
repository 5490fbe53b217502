import { expect, test, vi } from 'vitest';

import { Metrics } from '../src/telemetry/metrics.ts';
import { type RawClient, frame } from './raw-client.ts';
import { start, type TestServer } from './test-server.ts';

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** Stops all timers, so that silent connections stay open however slow the machine is. */
function stopTimers(): Disposable {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  return { [Symbol.dispose]: () => vi.useRealTimers() };
}

/** A client that got a reply and stays connected. */
async function guest(server: TestServer): Promise<RawClient> {
  const client = await server.dial();
  client.send(frame('here I am'));
  await client.until('hello');
  return client;
}

test('denies clients above the limit, each in its own protocol, and keeps serving the others', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await guest(server);

  expect(await server.exchange(frame('me too'))).toContain('busy: connection limit of 1 reached');
  expect(await server.exchange('me too\n')).toMatch(/^error: busy: .*\n$/);
  const response = await server.exchange(GET('/'));
  expect(response).toContain('HTTP/1.1 503 ');
  expect(response).toContain('Retry-After: 1');

  inside.send(frame('still here'));
  inside.end();
  expect((await inside.closed()).toString().match(/hello/g)).toHaveLength(2);
  await server.expectReasons('busy', 'busy', 'busy', 'completed');
  await server.expectHealthy();
});

test('answers probes above the limit, alive but not ready, and counts no error replies', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await guest(server);
  expect(await server.exchange(GET('/healthz'))).toContain('HTTP/1.1 200 ');
  expect(await server.exchange(GET('/readyz'))).toContain('HTTP/1.1 503 ');
  expect(await server.exchange(GET('/readyz?verbose'))).toContain('HTTP/1.1 503 ');
  await server.expectReasons('completed', 'busy', 'busy');
  expect(server.lines.filter(({ level }) => Number(level) > 20)).toEqual([]);
  expect(await server.scrape('knock_error_replies')).toEqual({});
  inside.end();
  await inside.closed();
});

test('sends busy to 32 clients at once, and to 16 more local ones; closes the others, and stays healthy', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  using _time = stopTimers();
  const inside = await guest(server);
  const crowd = await Promise.all(Array.from({ length: 100 }, () => server.dial()));
  const waiting = () => crowd.filter(({ socket }) => !socket.closed);
  // The server has seen all of them once it has closed those without a place.
  while (waiting().length > 32 + 16) await new Promise(setImmediate);
  const denied = waiting();
  for (const client of denied) client.end(frame('me too'));
  const answers = await Promise.all(denied.map((client) => client.closed()));
  expect(answers.filter((answer) => answer.includes('busy: '))).toHaveLength(32 + 16);
  inside.end();
  await inside.closed();
  await server.expectHealthy();
});

test('closes a silent client above the limit after 1.5 s', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await guest(server);
  const silent = await server.dial();
  const began = performance.now();
  await silent.closed();
  // And not after the 30 s that a served client has.
  expect(performance.now() - began).toBeLessThan(6000);
  await server.expectReasons('busy');
  inside.end();
  await inside.closed();
});

test('with ACCEPT=once serves the first client to its end, rejects the second, and ends', async () => {
  await using server = await start({ ACCEPT: 'once' });
  const first = await guest(server);
  await expect(server.dial()).rejects.toThrow('ECONNREFUSED');
  first.send(frame('and again'));
  first.end();
  expect((await first.closed()).toString().match(/hello/g)).toHaveLength(2);
  await server.server.ended;
});

test('with ACCEPT=once ignores silent clients, unknown protocols and probes', async () => {
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

test('with ACCEPT=once denies clients that connected at the same time', async () => {
  await using server = await start({ ACCEPT: 'once' });
  const [one, two] = await Promise.all([server.dial(), server.dial()]);
  one.send(frame('me'));
  await one.until('hello');
  two.end(frame('me too'));
  expect((await two.closed()).includes('hello')).toBe(false);
  one.end();
  await server.server.ended;
});

test('with ACCEPT=once does not handle a message that waited behind a probe while another client was chosen', async () => {
  const heard: string[] = [];
  await using server = await start({ ACCEPT: 'once', handler: (message) => (heard.push(message), message) });
  const { promise, resolve } = Promise.withResolvers<string>();
  const metrics = vi.spyOn(Metrics.prototype, 'text').mockReturnValue(promise);
  const other = await server.dial();
  other.send(GET('/metrics') + GET('/'));
  await expect.poll(() => metrics.mock.calls.length, { interval: 5 }).toBe(1);
  const chosen = await server.dial();
  chosen.send(frame('me'));
  await chosen.until(frame('me'));
  resolve('none');
  expect((await other.closed()).toString()).toMatch(/ 200 OK[^]* 503 /);
  chosen.end();
  await server.server.ended;
  expect(heard).toEqual(['me']);
  metrics.mockRestore();
});

test('with ACCEPT=once does not handle a long line that ends by a pause after another client was chosen', async () => {
  const heard: string[] = [];
  // The other's second pause ends long before the time limit of denied clients.
  await using server = await start({
    ACCEPT: 'once',
    TEXT_IDLE_MS: 500,
    LOG_LEVEL: 'trace',
    handler: (message) => (heard.push(message), 'done'),
  });
  const other = await server.dial();
  // Above the limit of a first line, so that it is text before its end.
  other.send('x'.repeat(9000));
  await server.expectReadFrom(1);
  const chosen = await server.dial();
  chosen.send(frame('me'));
  await chosen.until(frame('done'));
  expect((await other.closed()).toString()).toContain('error: busy');
  chosen.end();
  await server.server.ended;
  expect(heard).toEqual(['me']);
});
