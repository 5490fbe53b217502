/** What hostile or broken clients and handlers do to a server, and what must not come of it. */
import { expect, test } from 'vitest';

import { withListener } from './listener.ts';
import { type RawClient, frame } from './raw-client.ts';
import { start } from './test-server.ts';

const post = (body: string, headers = '') =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;

const slowly = (ms: number) => async (message: string) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return message;
};

/** A slowloris client: sends one byte at a time, until the connection or the test ends. */
function drip(client: RawClient, byte: string, everyMs: number): Disposable {
  const timer = setInterval(() => client.socket.writable && client.send(byte), everyMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

test('holds one request of a client at a time, however many it pipelines', async () => {
  await using server = await start({ handler: slowly(20) });
  const flood = await server.dial();
  const before = process.memoryUsage().heapUsed;
  flood.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(200_000));
  await flood.until('HTTP/1.1 200 ');
  await new Promise((resolve) => setTimeout(resolve, 500));
  const began = performance.now();
  await server.expectHealthy();
  // Two hundred thousand requests of 20 ms each would take more than an hour.
  expect(performance.now() - began).toBeLessThan(5000);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 2 ** 20);
  flood.socket.destroy();
  await server.expectHealthy();
});

test.each([
  ['nothing', () => undefined],
  ['a number', () => 42],
  ['a promise of nothing', () => Promise.resolve()],
  [
    'a thrown object that is no Error',
    () => {
      throw Object.create(null);
    },
  ],
  // oxlint-disable-next-line unicorn/no-thenable
  ['a thenable that resolves at once', () => ({ then: (resolve: (value: number) => void) => resolve(1) })],
])('replies failed, and harms nobody, if the handler returns %s', async (_what, handler) => {
  await using server = await start({
    handler: (message) => (message === 'well?' ? message : (handler() as unknown as string)),
  });
  const many = Buffer.concat(Array.from({ length: 5000 }, () => frame('x')));
  const answers = await server.exchange(many);
  expect(answers.match(/failed: /g)).toHaveLength(5000);
  expect(await server.exchange(post('x', 'Connection: close\r\n'))).toContain('HTTP/1.1 500 ');
  await server.expectHealthy();
});

test('logs a failing handler once for each connection, on one line, with control characters escaped', async () => {
  await using server = await start({
    LOG_LEVEL: 'info',
    handler: () => {
      throw new Error('bad \u001b[2J\nINFO: forged');
    },
  });
  await server.exchange(Buffer.concat(Array.from({ length: 100 }, () => frame('x'))));
  await server.expectReasons('completed');
  const failures = server.lines.filter(({ msg }) => msg.includes('handler failed'));
  expect(failures.map(({ msg }) => msg)).toEqual([
    'handler failed for localhost: Error: bad \\u{1b}[2J\\nINFO: forged',
  ]);
  expect(failures[0]!['stack']).toMatch(/^ {4}at /);
});

test('logs no stack lines forged by a client, and only an excerpt of an error', async () => {
  await using server = await start({
    LOG_LEVEL: 'info',
    handler: (message) => {
      throw new Error(`cannot parse ${message}`);
    },
  });
  await server.exchange(frame(`x\n    at forged (\u001b[2J\u009b31m\u202e)${'y'.repeat(10_000)}`));
  await server.expectReasons('completed');
  const { stack, msg } = server.lines.find((line) => line.msg.includes('handler failed'))!;
  expect(stack).toMatch(/^ {4}at /);
  expect(stack).not.toContain('forged');
  expect(msg.length).toBeLessThan(400);
});

test('closes a client that sends bytes but does not read its replies', async () => {
  const reply = 'x'.repeat(2 ** 20);
  await using server = await start({ WRITE_TIMEOUT_MS: 200, handler: () => reply });
  const frames = await server.dial();
  frames.socket.pause();
  frames.send(Buffer.alloc(4 * 64));
  const http = await server.dial();
  http.socket.pause();
  http.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(64));
  using _one = drip(frames, '\0', 50);
  using _two = drip(http, 'G', 50);
  await server.expectReasons('write_timeout', 'write_timeout');
});

test('gives a handler its full time after a slow write', async () => {
  await using server = await start({ WRITE_TIMEOUT_MS: 100, handler: slowly(400) });
  const answers = await server.exchange(post('one') + post('two', 'Connection: close\r\n'));
  expect(answers.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
});

test('gives a pipelined request its own message timeout, while the first is handled', async () => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 200, handler: slowly(400) });
  const client = await server.dial();
  client.send(post('one') + 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
  using _drip = drip(client, 'x', 50);
  const began = performance.now();
  const answers = (await client.closed()).toString();
  expect(answers).toContain('HTTP/1.1 200 ');
  expect(answers).toContain('HTTP/1.1 408 ');
  // The slow bytes would go on for 50 s.
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('empty lines between requests do not restart the idle timeout', async () => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 200, IDLE_TIMEOUT_MS: 300 });
  const client = await server.dial();
  client.send(post('one'));
  await client.until('hello');
  using _drip = drip(client, '\r\n', 50);
  await server.expectReasons('idle_timeout');
});

test('with ACCEPT=once a client that timed out does not count as served', async () => {
  await using server = await start({ ACCEPT: 'once', MESSAGE_TIMEOUT_MS: 100 });
  const slow = await server.dial();
  slow.send('GET / HT');
  await slow.until('HTTP/1.1 408 ');
  slow.end();
  await server.expectReasons('message_timeout');
  expect(await server.exchange('Hello, server')).toBe('hello from the server!');
});

test('the last reply arrives, though the client keeps sending behind its last request', async () => {
  await using server = await start();
  for (let run = 0; run < 20; run += 1) {
    const client = await server.dial();
    client.send(post('one', 'Connection: close\r\n'));
    client.end(Buffer.alloc(64 * 1024, 'x'));
    expect.soft((await client.closed()).toString()).toContain('hello from the server!');
    expect.soft(client.error).toBeUndefined();
  }
});

test('answers a complete request before it rejects what follows, wherever the bytes are cut', async () => {
  await using server = await start();
  const bytes = Buffer.concat([Buffer.from(post('one')), frame('no HTTP')]);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const client = await server.dial();
    client.send(bytes.subarray(0, cut));
    await new Promise(setImmediate);
    client.end(bytes.subarray(cut));
    expect.soft((await client.closed()).toString(), `cut at ${cut}`).toMatch(/HTTP\/1\.1 200 [^]*HTTP\/1\.1 400 /);
  }
});

test.each([
  ['POST / HTTP/2.0', 505],
  ['POST / HTTP/0.9', 505],
  ['POST / RTSP/1.0', 400],
  ['POST  / HTTP/1.1', 400],
  ['Hello', 400],
])('rejects %j behind a request, and handles nothing behind it', async (line, status) => {
  const heard: string[] = [];
  await using server = await start({ handler: (message) => `${heard.push(message)}` });
  const second = post('smuggled').replace('POST / HTTP/1.1', line);
  const answers = await server.exchange(post('one') + second + post('two'));
  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', `HTTP/1.1 ${status}`]);
  expect(heard).toEqual(['one']);
});

test.each([
  ['POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked', 400],
  ['POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked', 501],
  ['POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked', 501],
])('rejects an unsupported transfer coding, and handles nothing behind it: %j', async (head, status) => {
  const heard: string[] = [];
  await using server = await start({ handler: (message) => `${heard.push(message)}` });
  const answers = await server.exchange(`${head}\r\nHost: a\r\n\r\n0\r\n\r\n${post('smuggled')}`);
  expect(answers.match(/HTTP\/1\.1 (\d+)/g)).toEqual([`HTTP/1.1 ${status}`]);
  expect(heard).toEqual([]);
});

test('rejects CONNECT in its turn and unknown expectations; sends 100 only if no byte of the body has come', async () => {
  await using server = await start();
  const tunnel = await server.exchange(`${post('one')}CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n`);
  expect(tunnel).toMatch(/HTTP\/1\.1 200 [^]*HTTP\/1\.1 405 /);
  const expectation = await server.exchange(post('one', 'Expect: banana\r\nConnection: close\r\n'));
  expect(expectation).toContain('HTTP/1.1 417 ');
  const head = post('one', 'Expect: 100-continue\r\nConnection: close\r\n').slice(0, -3);
  expect(await server.exchange(`${head}one`)).toMatch(/^HTTP\/1\.1 200 /);
  const client = await server.dial();
  client.send(head);
  await client.until('HTTP/1.1 100 Continue\r\n\r\n');
  client.send('one');
  expect((await client.closed()).toString()).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
});

test('a path that begins with two slashes is no authority', async () => {
  await using server = await start();
  const answer = await server.exchange('GET //localhost/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect(answer).toContain('HTTP/1.1 404 ');
});

test('answers local probes, however many silent clients are denied', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await server.dial();
  inside.send(frame('here'));
  await inside.until('hello');
  const silent = await Promise.all(Array.from({ length: 40 }, () => server.dial()));
  expect(await server.exchange('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')).toContain('HTTP/1.1 200 ');
  for (const client of [...silent, inside]) client.socket.destroy();
});

test('never parses a body as a request, even behind an Upgrade', async () => {
  const heard: string[] = [];
  await using server = await start({
    handler: (message) => {
      heard.push(message);
      return message;
    },
  });
  const upgrade = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
  const smuggled = post('smuggled');
  const answer = await server.exchange(upgrade + post(`${'x'.repeat(500)}${smuggled}${'x'.repeat(500)}`));
  expect(answer.match(/HTTP\/1\.1 200 /g)).toHaveLength(1);
  expect(heard).toEqual(['']);
});

test.each([
  ['a half head', 'POST / HTTP/1.1\r\nHo'],
  ['a half line end', 'POST / HTTP/1.1\r\nHost: a\r\n\r'],
  ['a half body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab'],
  ['a half chunk', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'],
])('gives %s the message timeout, though it arrived together with a complete request', async (_what, half) => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 2000 });
  const slow = await server.dial();
  slow.send(post('one') + half);
  expect((await slow.closed()).toString()).toMatch(/HTTP\/1\.1 200 [^]*HTTP\/1\.1 408 /);
  expect(await server.exchange(post('one') + half)).toMatch(/HTTP\/1\.1 200 [^]*HTTP\/1\.1 400 /);
  const leaving = await server.dial();
  leaving.send(post('one') + half);
  await leaving.until('hello');
  const closing = server.server.close();
  expect((await leaving.closed()).toString()).toMatch(/HTTP\/1\.1 200 [^]*HTTP\/1\.1 503 [^]*Retry-After: 1/);
  await closing;
  await server.expectReasons('message_timeout', 'truncated', 'drained');
});

test('answers chunked bodies, with extensions and trailers, wherever they are cut', async () => {
  await using server = await start({ REPLY: '{message}' });
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  const chunked = `${head}5;x=y\r\none\r\n\r\n3\r\ntwo\r\n0\r\nTrailer: x\r\n\r\n`;
  const bytes = `${chunked}\r\n${post('three')}`;
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const client = await server.dial();
    client.send(bytes.slice(0, cut));
    await new Promise(setImmediate);
    client.end(bytes.slice(cut));
    const answers = (await client.closed()).toString();
    expect
      .soft(answers, `cut at ${cut}`)
      .toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\none\r\ntwoHTTP\/1\.1 200 [^]*\r\n\r\nthree$/);
  }
});

test('is ready if a client in the place of the probe would be served', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  expect(await server.exchange('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n')).toContain('HTTP/1.1 200 ');
});

test('answers busy to a slow HTTP client above the limit', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await server.dial();
  inside.send(frame('here'));
  await inside.until('hello');
  const [body, line] = await Promise.all([server.dial(), server.dial()]);
  body.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
  line.send('POST / HT');
  for (const client of [body, line]) {
    expect((await client.closed()).toString()).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*busy: /);
  }
  inside.socket.destroy();
});

const LATE = [
  ['replies', 'replied', () => 'late reply'],
  [
    'throws',
    'failed',
    () => {
      throw new Error('boom');
    },
  ],
] as const;

test.each(
  LATE.flatMap(([how, verb, end]) => [
    { protocol: 'frames', bytes: frame('x'), how, verb, end },
    { protocol: 'HTTP', bytes: post('x'), how, verb, end },
  ]),
)(
  'logs a handler that $how after its timeout, over $protocol, and changes no counter and no earlier line',
  async (late) => {
    const { promise: resumed, resolve: resume } = Promise.withResolvers<void>();
    await using server = await start({
      HANDLER_TIMEOUT_MS: 30,
      LOG_LEVEL: 'info',
      handler: async (message) => {
        if (message === 'well?') return message;
        await resumed;
        return late.end();
      },
    });
    const client = await server.dial();
    client.send(late.bytes);
    expect((await client.closed()).toString()).toContain('failed: ');
    await server.expectReasons('handler_timeout');
    const before = await server.scrape('knock_');
    resume();
    const warnings = () => server.lines.filter(({ level }) => Number(level) >= 40);
    await expect.poll(warnings).toHaveLength(1);
    expect(warnings()[0]!.msg).toMatch(
      new RegExp(`^handler ${late.verb} \\d+ ms after HANDLER_TIMEOUT_MS for localhost`),
    );
    const isFailure = late.verb === 'failed';
    expect(warnings()[0]!.msg.endsWith(': Error: boom')).toBe(isFailure);
    expect('stack' in warnings()[0]!).toBe(isFailure);
    expect(await server.scrape('knock_handler_duration|knock_error_replies|knock_messages')).toEqual(
      Object.fromEntries(
        Object.entries(before).filter(([name]) => /^knock_(handler_duration|error_replies|messages)/.test(name)),
      ),
    );
    const line = server.lines.find(({ reason }) => reason === 'handler_timeout');
    expect(line).not.toHaveProperty('reply');
  },
);

test('logs accept errors once a second, with the code, and keeps serving', async () => {
  const [server, listener] = await withListener(() => start());
  await using _server = server;
  const full = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
  for (let n = 0; n < 3; n += 1) listener.emit('error', full);
  const warnings = server.lines.filter(({ level }) => Number(level) >= 40);
  expect(warnings).toEqual([expect.objectContaining({ code: 'EMFILE', msg: expect.stringContaining('ulimit -n') })]);
  await server.expectHealthy();
});
