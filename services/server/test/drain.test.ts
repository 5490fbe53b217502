import { connect, type Socket } from 'node:net';

import { CLOCK_ERROR_MS } from '@knock/shared/test/clock-error';
import { expect, test, vi } from 'vitest';

import { frame, GOAWAY } from './raw-client.ts';
import { start, type TestServer } from './test-server.ts';

/** Sooner than DRAIN_TIMEOUT_MS, which is 8 s unless a test sets it. */
const AT_ONCE_MS = 4000;

/** A handler that replies to 'wait' once the gate is open. */
function gate() {
  const opened = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  return {
    open: () => opened.resolve(),
    entered: entered.promise,
    handler: async (message: string) => {
      if (message !== 'wait') return message;
      entered.resolve();
      await opened.promise;
      return 'answered';
    },
  };
}

test('closes idle connections at once, frames with goaway, text without a word, and HTTP after 200 ms', async () => {
  await using server = await start();
  const [frames, text, http] = await Promise.all([server.dial(), server.dial(), server.dial()]);
  frames.send(frame('Hello'));
  text.send('Hello\n');
  http.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await Promise.all([frames, text, http].map((client) => client.until('hello from the server!')));
  const began = performance.now();
  const closing = server.server.close();
  expect((await frames.closed()).subarray(-4)).toEqual(GOAWAY);
  await text.closed();
  expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
  await http.closed();
  expect(performance.now() - began).toBeGreaterThan(200 - CLOCK_ERROR_MS);
  await closing;
  await server.expectReasons('drained', 'drained', 'drained');
});

test('answers every complete message, then sends goaway', async () => {
  const { open, entered, handler } = gate();
  await using server = await start({ handler });
  const client = await server.dial();
  client.send(Buffer.concat([frame('wait'), frame('next'), frame('half').subarray(0, 6)]));
  await entered;
  const closing = server.server.close();
  open();
  expect(await client.closed()).toEqual(Buffer.concat([frame('answered'), frame('next'), GOAWAY]));
  await closing;
});

test('answers the HTTP request in its handler, and closes', async () => {
  const { open, entered, handler } = gate();
  await using server = await start({ handler });
  const client = await server.dial();
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nwait');
  await entered;
  const closing = server.server.close();
  open();
  const answer = (await client.closed()).toString();
  expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close[^]*answered$/);
  await closing;
  await server.expectReasons('drained');
});

test('answers 503 to an HTTP request in flight when the drain starts: HTTP has no goaway', async () => {
  await using server = await start();
  const client = await server.dial();
  const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  client.send(get);
  await client.until('hello from the server!');
  const closing = server.server.close();
  client.send(get);
  const [, second] = (await client.closed()).toString().split('hello from the server!');
  expect(second).toMatch(/^HTTP\/1\.1 503 [^]*Connection: close\r\n[^]*busy: the server is shutting down/);
  await closing;
});

test('answers 503 to an incomplete HTTP request', async () => {
  await using server = await start({ LOG_LEVEL: 'trace' });
  const client = await server.dial();
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab');
  await server.expectReadFrom(1);
  const closing = server.server.close();
  expect((await client.closed()).toString()).toContain('HTTP/1.1 503 ');
  await closing;
});

test('answers a text client whose message waits for its pause', async () => {
  await using server = await start({ TEXT_IDLE_MS: 3000, LOG_LEVEL: 'trace' });
  const [hello, get] = await Promise.all([server.dial(), server.dial()]);
  hello.send('Hello, server');
  get.send('GET');
  await server.expectReadFrom(2);
  const closing = server.server.close();
  expect((await hello.closed()).toString()).toBe('hello from the server!');
  expect((await get.closed()).toString()).toBe('hello from the server!');
  await closing;
});

test('denies new clients, each in its protocol, while others are served, then stops listening', async () => {
  const { open, entered, handler } = gate();
  await using server = await start({ handler });
  // New clients are denied for as long as another is served.
  const inside = await server.dial();
  inside.send(frame('wait'));
  await entered;
  const closing = server.server.close();
  expect(Buffer.from(await server.exchange(frame('Hello')))).toEqual(GOAWAY);
  expect(await server.exchange('Hello\n')).toMatch(/^error: busy: the server is shutting down.*\n$/);
  expect(await server.exchange('GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toContain('HTTP/1.1 503 ');
  expect(await server.exchange('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n')).toContain('HTTP/1.1 503 ');
  open();
  await closing;
  await expect(server.dial()).rejects.toThrow('ECONNREFUSED');
  // A goaway is no error reply; of error replies the log has the text that the client got.
  expect(
    server.lines.flatMap(({ errorReplies, errorReply }) => (errorReplies ? [[errorReplies, errorReply]] : [])),
  ).toEqual([
    [{ busy: 1 }, 'busy: the server is shutting down: try again, another one may answer'],
    [{ 503: 1 }, '503: busy: the server is shutting down: try again, another one may answer'],
  ]);
});

test('closes connections that are still served after DRAIN_TIMEOUT_MS, without goaway', async () => {
  const handler = vi.fn(() => new Promise<string>(() => undefined));
  await using server = await start({ DRAIN_TIMEOUT_MS: 300, handler });
  const client = await server.dial();
  client.send(frame('stuck'));
  await expect.poll(() => handler.mock.calls.length).toBe(1);
  const began = performance.now();
  await server.server.close();
  expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
  expect((await client.closed()).length).toBe(0);
  await server.expectReasons('drain_timeout');
});

test('logs how many connections it waits for', async () => {
  const { open, entered, handler } = gate();
  await using server = await start({ handler });
  const client = await server.dial();
  client.send(frame('wait'));
  await entered;
  const closing = server.server.close();
  await expect.poll(() => server.lines.map(({ msg }) => msg)).toContain('draining: waiting for 1 connection');
  open();
  await closing;
});

test('ends at once if nobody is connected', async () => {
  await using server = await start();
  const began = performance.now();
  await server.server.close();
  expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
});

test('answers all complete HTTP requests, and sends a slow reader its whole reply', async () => {
  const reply = 'x'.repeat(16 * 2 ** 20);
  await using server = await start({
    LOG_LEVEL: 'trace',
    handler: async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return message === 'large' ? reply : message;
    },
  });
  const post = (body: string) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const [three, slow] = await Promise.all([server.dial(), server.dial()]);
  slow.socket.pause();
  slow.send(post('large'));
  three.send(post('one') + post('two') + post('three'));
  await server.expectReadFrom(2);
  const closing = server.server.close();
  setTimeout(() => slow.socket.resume(), 400);
  const answers = (await three.closed()).toString();
  expect(answers.match(/HTTP\/1\.1 200 /g)).toHaveLength(3);
  expect((await slow.closed()).length).toBeGreaterThan(reply.length);
  await closing;
});

test('logs every connection before it resolves, those that time out included', async () => {
  const handler = vi.fn(() => new Promise<string>(() => undefined));
  const server = await start({ DRAIN_TIMEOUT_MS: 300, handler });
  const clients = await Promise.all(Array.from({ length: 30 }, () => server.dial()));
  for (const client of clients) client.send(frame('stuck'));
  await expect.poll(() => handler.mock.calls.length).toBe(30);
  await server.server.close();
  expect(server.lines.filter(({ reason }) => reason === 'drain_timeout')).toHaveLength(30);
});

test('does not wait for denied clients that stay', async () => {
  const { open, entered, handler } = gate();
  await using server = await start({ handler });
  const inside = await server.dial();
  inside.send(frame('wait'));
  await entered;
  const closing = server.server.close();
  const began = performance.now();
  const [frames, silent] = await Promise.all([server.dial(), server.dial()]);
  // They never close their side.
  for (const { socket } of [frames, silent]) socket.removeAllListeners('end');
  frames.send(frame('Hello'));
  open();
  await closing;
  // After 200 ms, and not the 1.5 s that a client above the limit has.
  expect(performance.now() - began).toBeLessThan(1400);
  for (const { socket } of [frames, silent]) socket.destroy();
});

test('resets no client that connects while a busy server drains', async () => {
  await using server = await start({
    // On a busy machine the work takes longer than the default of 8 s.
    DRAIN_TIMEOUT_MS: 50_000,
    handler: async (message) => {
      await new Promise(setImmediate);
      const end = performance.now() + 1;
      while (performance.now() < end);
      return message;
    },
  });
  const busy = await Promise.all(Array.from({ length: 3 }, () => server.dial()));
  for (const client of busy) client.send(Buffer.concat(Array.from({ length: 100 }, () => frame('work'))));
  await busy[0]!.until(frame('work'));
  const closing = server.server.close();
  const newClients: Promise<NodeJS.ErrnoException | undefined>[] = [];
  const arrive = () => {
    const newClient = server.dial().then(async (client) => {
      client.send(frame('me'));
      await client.closed();
      return client.error ?? (client.received.length > 0 ? undefined : new Error('no word'));
    });
    newClients.push(newClient.catch((error: NodeJS.ErrnoException) => error));
  };
  let arrivals = setInterval(() => [1, 2, 3].forEach(arrive), 5);
  await Promise.all(busy.map((client) => client.closed()));
  // With pauses now: the server needs one to close its port without a reset.
  clearInterval(arrivals);
  arrivals = setInterval(arrive, 50);
  await closing;
  clearInterval(arrivals);
  const errors = await Promise.all(newClients);
  expect(newClients.length).toBeGreaterThan(50);
  expect(errors.filter((error) => error !== undefined && error.code !== 'ECONNREFUSED')).toEqual([]);
});

/** A flood of connections, at least one in each turn of the event loop, for 4 s at most. */
function flood({ port }: TestServer): AsyncDisposable {
  const until = performance.now() + 4000;
  const open = new Set<Socket>();
  let over = false;
  const dial = () => {
    if (over || performance.now() > until) return;
    const socket = connect({ port, host: '127.0.0.1' });
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    socket.on('connect', () => socket.destroy());
    setImmediate(dial);
  };
  dial();
  return {
    async [Symbol.asyncDispose]() {
      over = true;
      while (open.size > 0) await new Promise(setImmediate);
    },
  };
}

test.each([
  ['within 1.2 s after nobody is served', { DRAIN_TIMEOUT_MS: 8000 }],
  ['after DRAIN_TIMEOUT_MS', { DRAIN_TIMEOUT_MS: 500, handler: () => new Promise<string>(() => undefined) }],
])('ends %s, though new connections keep coming', async (_when, options) => {
  await using server = await start({ ...options, LOG_LEVEL: 'silent' });
  const client = await server.dial();
  client.send(frame('stuck, or not'));
  await using _flood = flood(server);
  const began = performance.now();
  await server.server.close();
  // Without a bound it would last as long as the flood, 4 s.
  expect(performance.now() - began).toBeLessThan(3000);
  await client.closed();
});
