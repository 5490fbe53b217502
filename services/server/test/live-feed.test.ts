import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test, vi } from 'vitest';

import type { ConnectionUpdate } from '../src/live/connection-sampler.ts';
import { type FeedUpdate, LiveFeed } from '../src/live/feed.ts';
import { RawClient, frame } from './raw-client.ts';
import { start, type TestServer } from './test-server.ts';

/** A viewer, with all updates that it got. */
class TestViewer implements AsyncDisposable {
  readonly #client: RawClient;

  static async of({ port }: TestServer, query = ''): Promise<TestViewer> {
    const client = await RawClient.to(port);
    client.send(`GET /events${query} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await client.until('"snapshot":true');
    return new TestViewer(client);
  }

  constructor(client: RawClient) {
    this.#client = client;
  }

  get updates(): FeedUpdate[] {
    const events = this.#client.received.toString().matchAll(/^data: (.*)$/gm);
    return Array.from(events, ([, json]) => JSON.parse(json!) as FeedUpdate);
  }

  /** All updates of the newest connection, in order. */
  get newest(): ConnectionUpdate[] {
    const all = this.updates.flatMap(({ connections }) => connections);
    const lastId = Math.max(0, ...all.map(({ id }) => id));
    return all.filter(({ id }) => id === lastId);
  }

  /** Resolves with everything received, once the server has ended the stream. */
  async closed(): Promise<string> {
    return (await this.#client.closed()).toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.socket.destroy();
    await this.#client.closed();
  }
}

const states = (viewer: TestViewer) => viewer.newest.map(({ state }) => state);

test('shows a connection opened, talking, quiet and closed', async () => {
  await using server = await start();
  await using viewer = await TestViewer.of(server);
  const client = await server.dial();
  const port = client.socket.localPort;
  await expect.poll(() => states(viewer)).toEqual(['opened']);
  client.send(frame('Hello, server'));
  await expect.poll(() => states(viewer)).toEqual(['opened', 'talking', 'quiet']);
  client.end();
  await expect.poll(() => states(viewer)).toEqual(['opened', 'talking', 'quiet', 'closed']);
  expect(viewer.newest[1]).toMatchObject({
    address: '127.0.0.1',
    port,
    protocol: 'frames',
    reads: 1,
    messages: 1,
    exchange: { message: 'Hello, server', reply: 'hello from the server!' },
  });
  expect(viewer.newest.at(-1)).toMatchObject({ reason: 'completed', bytesIn: 17, bytesOut: 26 });
});

test('shows a new viewer the connections that are already open', async () => {
  await using server = await start();
  const client = await server.dial();
  client.send('Hello\n');
  await client.until('hello from the server!');
  await using viewer = await TestViewer.of(server);
  expect(viewer.updates[0]).toMatchObject({
    server: 'server-1',
    snapshot: true,
    totals: { open: 2, accepted: 2, messages: 1 },
    connections: [{ id: 1, protocol: 'text', messages: 1 }],
  });
});

test('shows the bytes of followed clients', async () => {
  await using server = await start();
  await using follower = await TestViewer.of(server, '?follow=127.0.0.1');
  const client = await server.dial();
  const message = frame('Hello, server');
  const reads = () => follower.newest.flatMap((update) => update.steps ?? []).filter(({ kind }) => kind === 'read');
  for (const [n, piece] of [message.subarray(0, 2), message.subarray(2, 9), message.subarray(9)].entries()) {
    client.send(piece);
    await expect.poll(() => reads().length).toBe(n + 1);
  }
  await client.until('hello');
  client.end();
  await expect.poll(() => states(follower).at(-1)).toBe('closed');
  const steps = follower.newest.flatMap((update) => update.steps ?? []);
  expect(steps.map((step) => [step.kind, 'hex' in step ? step.hex : step.text])).toEqual([
    ['read', '0000'],
    ['read', '000d48656c6c6f'],
    ['read', '2c20736572766572'],
    ['message', 'Hello, server'],
    ['reply', 'hello from the server!'],
    ['write', frame('hello from the server!').toString('hex')],
  ]);
});

test('shows no bytes of clients that nobody follows', async () => {
  await using server = await start();
  await using other = await TestViewer.of(server, '?follow=192.0.2.1');
  await server.exchange(frame('Hello, server'));
  await expect.poll(() => states(other).at(-1)).toBe('closed');
  expect(other.newest.flatMap((update) => update.steps ?? [])).toEqual([]);
});

test('shows at most 64 steps of a connection in one update, and counts the others', async () => {
  await using server = await start();
  await using viewer = await TestViewer.of(server, '?follow=127.0.0.1');
  await server.exchange(Buffer.concat(Array.from({ length: 100 }, () => frame('x'))));
  await expect.poll(() => states(viewer).at(-1)).toBe('closed');
  const update = viewer.newest.find(({ steps }) => steps);
  expect(update!.steps).toHaveLength(64);
  // One read, a message and a reply for each, and one write.
  expect(update!.missed).toBe(1 + 2 * 100 + 1 - 64);
});

test('hides health checks, page loads and viewers', async () => {
  await using server = await start();
  await using viewer = await TestViewer.of(server);
  await server.exchange('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  await server.exchange('GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n');
  await server.exchange('Hello\n');
  await expect.poll(() => states(viewer).at(-1)).toBe('closed');
  const shown = viewer.updates.flatMap(({ connections }) => connections).filter(({ state }) => state !== 'hidden');
  expect(new Set(shown.map(({ protocol }) => protocol).filter(Boolean))).toEqual(new Set(['text']));
});

test('sends nothing while nothing happens', async () => {
  await using server = await start();
  await using viewer = await TestViewer.of(server);
  const saidInFourUpdates = async () => {
    const before = viewer.updates.length;
    await sleep(400);
    return viewer.updates.length - before;
  };
  // The first update is about the viewer itself.
  await expect.poll(saidInFourUpdates).toBe(0);
});

test('ends the stream at once in a drain, with a last update: an open page never delays it', async () => {
  const server = await start();
  const viewer = await TestViewer.of(server);
  const began = performance.now();
  await server.server.close();
  // DRAIN_TIMEOUT_MS is 8 s.
  expect(performance.now() - began).toBeLessThan(4000);
  expect(await viewer.closed()).toMatch(/"leaving":true}\n\n\r\n0\r\n\r\n$/);
  await server.expectReasons('drained');
});

test('keeps sending to a viewer that has half-closed', async () => {
  await using server = await start();
  const client = await server.dial();
  client.end('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until('"snapshot":true');
  await server.exchange('Hello\n');
  expect(await client.until('"message":"Hello"')).toBeDefined();
  client.socket.destroy();
});

test('accepts 32 viewers, and answers 503 to the next', async () => {
  await using server = await start();
  await using viewers = new AsyncDisposableStack();
  for (let n = 0; n < 32; n += 1) viewers.use(await TestViewer.of(server));
  expect(await server.exchange('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 503 [^]*all live-page slots are in use/,
  );
  await server.expectHealthy();
});

test('removes its observers with the last viewer', async () => {
  const connection = {
    peer: { address: '192.0.2.1' },
    openedAt: 0,
    stats: { reads: 0, bytesOut: 0, observer: undefined as unknown },
  };
  const feed = new LiveFeed({ server: 's', connections: () => [connection as never], summary: () => ({}) as never });
  const sink = { write: vi.fn(), bufferedBytes: 0, cutOff: vi.fn(), fail: vi.fn() };
  const part = feed.subscribe(sink, undefined);
  expect(connection.stats.observer).toBeDefined();
  part();
  expect(connection.stats.observer).toBeUndefined();
});

test('disconnects a viewer that does not read, and keeps sending to the others', async () => {
  let accepted = 0;
  const summary = () => ({ accepted: (accepted += 1) }) as never;
  const feed = new LiveFeed({ server: 's', connections: () => [], summary });
  const sinks = [0, 70_000].map((bufferedBytes) => ({
    write: vi.fn(),
    bufferedBytes,
    cutOff: vi.fn(),
    fail: vi.fn(),
  }));
  const parts = sinks.map((sink) => feed.subscribe(sink, undefined));
  await expect.poll(() => sinks[0]!.write.mock.calls.length).toBeGreaterThan(2);
  expect(sinks[1]!.cutOff).toHaveBeenCalled();
  expect(sinks[1]!.write).toHaveBeenCalledTimes(1);
  for (const part of parts) part();
});

test('pauses for at most 5 s, however long the machine stood still during an update', () => {
  vi.useFakeTimers();
  let standstillMs = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => Date.now() + standstillMs);
  try {
    let summaries = 0;
    const summary = () => {
      summaries += 1;
      // The first is the snapshot, the second the update during which the machine stands still.
      if (summaries === 2) standstillMs = 1000;
      return { accepted: summaries } as never;
    };
    const feed = new LiveFeed({ server: 's', connections: () => [], summary });
    const sink = { write: vi.fn(), bufferedBytes: 0, cutOff: vi.fn(), fail: vi.fn() };
    const part = feed.subscribe(sink, undefined);
    vi.advanceTimersByTime(100);
    expect(sink.write).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(5000);
    expect(sink.write).toHaveBeenCalledTimes(3);
    part();
  } finally {
    clock.mockRestore();
    vi.useRealTimers();
  }
});

test('serves the page to browsers, and the reply to other clients', async () => {
  await using server = await start();
  const url = `http://127.0.0.1:${server.port}`;
  const page = await fetch(url, { headers: { accept: 'text/html,application/xhtml+xml' } });
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
  const html = await page.text();
  for (const [, path] of html.matchAll(/(?:src|href)="(.*?)"/g)) {
    expect([path, (await fetch(url + path)).status]).toEqual([path, 200]);
  }
  expect(await (await fetch(url)).text()).toBe('hello from the server!');
});

test.each(['/events', '/page/main.js'])('answers 404 at %s if LIVE_PAGE is off', async (path) => {
  await using server = await start({ LIVE_PAGE: 'off' });
  const url = `http://127.0.0.1:${server.port}`;
  expect((await fetch(url + path)).status).toBe(404);
  expect(await (await fetch(url, { headers: { accept: 'text/html' } })).text()).toBe('hello from the server!');
});

test('answers 403 to a page of another site', async () => {
  await using server = await start();
  const headers = { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' };
  expect((await fetch(`http://127.0.0.1:${server.port}/events`, { headers })).status).toBe(403);
});
