import type { Socket } from 'node:net';

import { CLOCK_ERROR_MS } from '@knock/shared/test/clock-error';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';

import { Client } from '../src/delivery/client.ts';
import type { ConnectionPolicy } from '../src/net/persistent-connection.ts';
import { clientSettings, type ClientSettings } from '../src/settings.ts';
import { frame, GOAWAY, onMessage, errorReply, scripted } from './scripted-server.ts';

function clientOf(
  { port }: { port: number },
  overrides: Partial<ClientSettings> = {},
  policy: ConnectionPolicy = {},
): Client {
  const defaults = clientSettings.parse({ SERVER_HOST: '127.0.0.1' });
  const settings = { ...defaults, SERVER_PORT: port, ...overrides };
  return new Client(settings, pino({ level: 'silent' }), policy);
}

/** A port that was in use a moment ago, and is free now. */
async function unusedPort(): Promise<number> {
  await using server = await scripted(() => undefined);
  return server.port;
}

const echo = (socket: Parameters<typeof onMessage>[0]) => onMessage(socket, (message) => socket.write(frame(message)));

test('returns the reply as the outcome', async () => {
  await using server = await scripted(echo);
  const { outcome, attempts, address } = await clientOf(server).send('Hello');
  expect(outcome).toEqual({ kind: 'replied', reply: 'Hello' });
  expect(attempts).toBe(1);
  expect(address).toBe('127.0.0.1');
});

test('matches replies to thousands of pipelined messages on one connection', async () => {
  await using server = await scripted(echo);
  const client = clientOf(server);
  const texts = Array.from({ length: 5000 }, (_, n) => `message ${n}`);
  const deliveries = await Promise.all(texts.map((text) => client.send(text)));
  expect(deliveries.map(({ outcome }) => outcome)).toEqual(texts.map((reply) => ({ kind: 'replied', reply })));
  expect(server.accepted).toBe(1);
});

test('has at most 1024 messages in flight', async () => {
  let heard = 0;
  await using server = await scripted((socket) =>
    onMessage(socket, () => {
      heard += 1;
    }),
  );
  const client = clientOf(server);
  const sending = Array.from({ length: 2000 }, (_, n) => client.send(String(n)));
  await expect.poll(() => heard).toBe(1024);
  await new Promise((resolve) => setTimeout(resolve, 50));
  client.stop('the test is over');
  const kinds = (await Promise.all(sending)).map(({ outcome }) => outcome.kind);
  expect(heard).toBe(1024);
  expect(kinds.slice(0, 1024).every((kind) => kind === 'unknown')).toBe(true);
  expect(kinds.slice(1024).every((kind) => kind === 'not_handled')).toBe(true);
});

test('returns an error reply as the outcome, and continues with the next message', async () => {
  await using server = await scripted((socket) =>
    onMessage(socket, (message) => socket.write(message === 'bad' ? errorReply('bad_utf8: no luck') : frame(message))),
  );
  const client = clientOf(server);
  const [bad, good] = await Promise.all([client.send('bad'), client.send('good')]);
  expect(bad.outcome).toEqual({ kind: 'rejected', code: 'bad_utf8', detail: 'no luck' });
  expect(good.outcome).toEqual({ kind: 'replied', reply: 'good' });
  expect(server.accepted).toBe(1);
});

test('a message on which the handler failed is unknown, and never sent again', async () => {
  let handled = 0;
  await using server = await scripted((socket) =>
    onMessage(socket, () => socket.write(errorReply(`failed: no luck ${(handled += 1)}`))),
  );
  const client = clientOf(server);
  expect(await client.send('one', { idempotent: true })).toMatchObject({
    outcome: { kind: 'unknown', why: 'failed: no luck 1' },
    attempts: 1,
  });
  expect((await client.send('two')).outcome).toEqual({ kind: 'unknown', why: 'failed: no luck 2' });
  expect(server.accepted).toBe(1);
});

test('a message that came too slowly for the server is sent again, and so is what stood behind it', async () => {
  await using server = await scripted((socket, nth) => {
    if (nth > 1) echo(socket);
    else socket.once('data', () => socket.end(errorReply('timeout: message incomplete')));
  });
  const client = clientOf(server);
  const results = await Promise.all([client.send('one'), client.send('two')]);
  expect(results.map(({ outcome, attempts }) => [outcome.kind, attempts])).toEqual([
    ['replied', 2],
    ['replied', 2],
  ]);
});

test('sends what stood behind a fatal error reply again, on a new connection', async () => {
  await using server = await scripted((socket, nth) => {
    if (nth > 1) echo(socket);
    else socket.once('data', () => socket.end(errorReply('too_large: no')));
  });
  const client = clientOf(server);
  const [large, next] = await Promise.all([client.send('large'), client.send('next')]);
  expect(large.outcome).toMatchObject({ kind: 'rejected', code: 'too_large' });
  expect(next).toMatchObject({ outcome: { kind: 'replied', reply: 'next' }, attempts: 2 });
});

test('retries the messages that a goaway left unanswered on a new connection', async () => {
  await using server = await scripted((socket, nth) => {
    if (nth > 1) echo(socket);
    else socket.once('data', () => socket.end(Buffer.concat([frame('one'), GOAWAY])));
  });
  const client = clientOf(server);
  const [one, two] = await Promise.all([client.send('one'), client.send('two')]);
  expect(one.attempts).toBe(1);
  expect(two).toMatchObject({ outcome: { kind: 'replied', reply: 'two' }, attempts: 2 });
});

test('retries after busy', async () => {
  const times: number[] = [];
  await using server = await scripted((socket, nth) => {
    times.push(performance.now());
    if (nth > 3) echo(socket);
    else socket.end(errorReply('busy: come back later'));
  });
  const { outcome } = await clientOf(server).send('Hello');
  expect(outcome.kind).toBe('replied');
  expect(times).toHaveLength(4);
});

test('backs off before a retry: up to a second, with jitter, already after the first busy', async () => {
  let waited = 0;
  for (let run = 0; run < 5; run += 1) {
    await using server = await scripted((socket, nth) => {
      if (nth > 1) echo(socket);
      else socket.end(errorReply('busy: come back later'));
    });
    const { ms } = await clientOf(server).send('Hello');
    // Not at the deadline, after ten seconds.
    expect(ms).toBeLessThan(3000);
    waited += ms;
  }
  // With uniform delays, the mean of five is below 50 ms once in a million runs.
  expect(waited / 5).toBeGreaterThan(50);
});

test('backs off for longer after a lone goaway than after a goaway behind an answer', async () => {
  // The maximum of each delay, so that the short one and the long one are far apart.
  using random = vi.spyOn(Math, 'random').mockReturnValue(1);
  for (const [answer, atLeastMs, belowMs] of [
    ['', 1000, 3000],
    ['one', 100, 1000],
  ] as const) {
    await using server = await scripted((socket, nth) => {
      if (nth > 1) echo(socket);
      else socket.once('data', () => socket.end(Buffer.concat([...(answer ? [frame(answer)] : []), GOAWAY])));
    });
    const client = clientOf(server);
    const [, { outcome, ms }] = await Promise.all([client.send('one'), client.send('two')]);
    expect(outcome).toEqual({ kind: 'replied', reply: 'two' });
    expect(ms).toBeGreaterThanOrEqual(atLeastMs - CLOCK_ERROR_MS);
    expect(ms).toBeLessThan(belowMs);
  }
  expect(random).toHaveBeenCalled();
});

test('counts only unknown outcomes among the three attempts, not a goaway', async () => {
  await using server = await scripted((socket, nth) => {
    if (nth === 1) socket.end(GOAWAY);
    else if (nth < 4) onMessage(socket, () => socket.destroy());
    else echo(socket);
  });
  const { outcome } = await clientOf(server).send('again', { idempotent: true });
  expect(outcome).toEqual({ kind: 'replied', reply: 'again' });
});

test('stays unknown if the first attempt may have been handled and the second is rejected', async () => {
  await using server = await scripted((socket, nth) =>
    onMessage(socket, () => (nth === 1 ? socket.destroy() : socket.write(errorReply('failed: no luck')))),
  );
  const { outcome } = await clientOf(server).send('again', { idempotent: true });
  expect(outcome.kind).toBe('unknown');
});

test('gives an outcome to a message that is sent just before close() or stop()', async () => {
  await using server = await scripted(echo);
  const client = clientOf(server);
  await client.send('one');
  const second = client.send('two');
  client.close();
  expect((await second).outcome.kind).toBe('replied');
  const third = client.send('three');
  client.stop('stopped');
  expect((await third).outcome).toEqual({ kind: 'not_handled', why: 'stopped' });
});

test('receives the answers in flight after close()', async () => {
  const { promise: heard, resolve: hear } = Promise.withResolvers<void>();
  await using server = await scripted((socket) => {
    // It answers only after the client's half-close.
    socket.removeAllListeners('end');
    socket.on('end', () => socket.end(frame('late')));
    onMessage(socket, () => hear());
  });
  const client = clientOf(server);
  const sending = client.send('Hello');
  await heard;
  client.close();
  expect((await sending).outcome).toEqual({ kind: 'replied', reply: 'late' });
});

test('sends nothing after stop(), even while it was connecting', async () => {
  let heard = 0;
  await using server = await scripted((socket) => onMessage(socket, () => (heard += 1)));
  const client = clientOf(server);
  const sending = client.send('too late');
  client.stop('stopped');
  expect((await sending).outcome).toEqual({ kind: 'not_handled', why: 'stopped' });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(heard).toBe(0);
});

test('gives the reason of stop() while it waits for its next attempt', async () => {
  // The backoff is one second.
  using _random = vi.spyOn(Math, 'random').mockReturnValue(1);
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  await using server = await scripted((socket) => {
    socket.once('close', () => close()).resume();
    socket.end(errorReply('busy: come back later'));
  });
  const client = clientOf(server);
  const sending = client.send('Hello');
  // By now it has read the error.
  await closed;
  client.stop('stopped');
  expect((await sending).outcome).toEqual({ kind: 'not_handled', why: 'stopped' });
});

test('survives a queue of 200,000 unanswered messages', async () => {
  await using server = await scripted(() => undefined);
  const client = clientOf(server, { REPLY_TIMEOUT_MS: 300, DEADLINE_MS: 900 });
  const deliveries = await Promise.all(Array.from({ length: 200_000 }, () => client.send('x')));
  expect(deliveries.every(({ outcome: { kind } }) => kind === 'unknown' || kind === 'not_handled')).toBe(true);
}, 120_000);

test('starts the reply timeout when a message is written, not when it is queued', async () => {
  await using server = await scripted((socket) =>
    socket.on('data', () => setTimeout(() => socket.write('heard\n'), 150)),
  );
  // All replies together take longer than one timeout.
  const client = clientOf(server, { PROTOCOL: 'text', REPLY_TIMEOUT_MS: 2500, DEADLINE_MS: 30_000 });
  const deliveries = await Promise.all(Array.from({ length: 20 }, () => client.send('x')));
  expect(deliveries.map(({ outcome }) => outcome.kind)).toEqual(deliveries.map(() => 'replied'));
});

test('drops a connection with an unrequested answer', async () => {
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<void>();
  await using server = await scripted((socket) => {
    socket.once('close', () => giveUp());
    onMessage(socket, (message) => socket.write(Buffer.concat([frame(message), errorReply('failed: again')])));
  });
  const client = clientOf(server);
  await client.send('one');
  await givenUp;
  await client.send('two');
  expect(server.accepted).toBe(2);
});

test('stops writing to a server that does not read (back-pressure)', async () => {
  await using server = await scripted((socket) => socket.pause());
  const client = clientOf(server, { REPLY_TIMEOUT_MS: 300, DEADLINE_MS: 300 });
  const large = 'x'.repeat(2 ** 20);
  const sending = Array.from({ length: 200 }, () => client.send(large));
  const kinds = (await Promise.all(sending)).map(({ outcome }) => outcome.kind);
  // The kernel buffers a few MiB. The rest was never written, and is known not to be handled.
  expect(kinds.filter((kind) => kind === 'unknown').length).toBeLessThan(40);
  expect(kinds.filter((kind) => kind === 'not_handled').length).toBeGreaterThan(160);
});

test('is not handled, with the server’s reason, if the server is busy until the deadline', async () => {
  await using server = await scripted((socket) => socket.end(errorReply('busy: full house')));
  const { outcome } = await clientOf(server, { DEADLINE_MS: 2000 }).send('Hello');
  expect(outcome).toEqual({ kind: 'not_handled', why: 'busy: full house' });
});

test('is unknown and not retried if the connection ends before the answer', async () => {
  await using server = await scripted((socket) => onMessage(socket, () => socket.end()));
  const { outcome, attempts } = await clientOf(server).send('once only');
  expect(outcome.kind).toBe('unknown');
  expect(attempts).toBe(1);
});

test('is unknown if the connection is reset', async () => {
  await using server = await scripted((socket) => onMessage(socket, () => socket.resetAndDestroy()));
  const { outcome } = await clientOf(server).send('once only');
  expect(outcome).toMatchObject({ kind: 'unknown', why: expect.stringContaining('ECONNRESET') });
});

test('is unknown if the stream ends inside a frame', async () => {
  await using server = await scripted((socket) => onMessage(socket, () => socket.end(frame('a reply').subarray(0, 6))));
  const { outcome } = await clientOf(server).send('once only');
  expect(outcome).toMatchObject({ kind: 'unknown', why: expect.stringContaining('ended inside a frame') });
});

test('is unknown if the answer is not a frame', async () => {
  await using server = await scripted((socket) =>
    onMessage(socket, () => socket.write('HTTP/1.1 400 Bad Request\r\n')),
  );
  const { outcome } = await clientOf(server).send('once only');
  expect(outcome).toMatchObject({ kind: 'unknown', why: expect.stringContaining('broke the protocol') });
});

test('attempts an idempotent message at most three times', async () => {
  let heard = 0;
  await using server = await scripted((socket) =>
    onMessage(socket, () => {
      heard += 1;
      socket.destroy();
    }),
  );
  const { outcome, attempts } = await clientOf(server).send('again', { idempotent: true });
  expect(outcome.kind).toBe('unknown');
  expect([attempts, heard]).toEqual([3, 3]);
});

test('stays unknown if an earlier attempt may have been handled and the server is gone', async () => {
  const server = await scripted((socket) => {
    onMessage(socket, () => {
      socket.destroy();
      void server[Symbol.asyncDispose]();
    });
  });
  const { outcome } = await clientOf(server, { DEADLINE_MS: 2000 }).send('again', { idempotent: true });
  expect(outcome.kind).toBe('unknown');
});

test('gives up an attempt after its reply timeout, and never uses that connection again', async () => {
  let late: Socket | undefined;
  await using server = await scripted((socket, nth) => {
    if (nth > 1) echo(socket);
    else onMessage(socket, () => (late = socket));
  });
  const client = clientOf(server, { REPLY_TIMEOUT_MS: 2000 });
  expect((await client.send('first')).outcome).toMatchObject({
    kind: 'unknown',
    why: expect.stringMatching(/^no reply within 2000 ms \(REPLY_TIMEOUT_MS\): /),
  });
  late!.write(frame('too late'));
  expect((await client.send('second')).outcome).toEqual({ kind: 'replied', reply: 'second' });
  expect(server.accepted).toBe(2);
});

test('gives its outcome by the deadline if connections are refused, and says what to do', async () => {
  const port = await unusedPort();
  const began = performance.now();
  const { outcome, attempts } = await clientOf({ port }, { DEADLINE_MS: 1500 }).send('Hello');
  expect(outcome).toMatchObject({
    kind: 'not_handled',
    why: expect.stringContaining(`connection refused by 127.0.0.1:${port}`),
  });
  expect(attempts).toBe(0);
  // The default deadline is ten seconds.
  expect(performance.now() - began).toBeLessThan(5000);
});

test('waits for a server that starts later', async () => {
  const port = await unusedPort();
  const sending = clientOf({ port }).send('Hello');
  await new Promise((resolve) => setTimeout(resolve, 300));
  await using _late = await scripted(echo, port);
  expect((await sending).outcome).toEqual({ kind: 'replied', reply: 'Hello' });
});

test('is not handled if the server’s name is unknown', async () => {
  const client = clientOf({ port: 1 }, { SERVER_HOST: 'no-such-host.invalid', DEADLINE_MS: 200 });
  expect((await client.send('Hello')).outcome).toMatchObject({ kind: 'not_handled' });
});

test('rejects a text that cannot be encoded, at once, and keeps the connection', async () => {
  await using server = await scripted(echo);
  const client = clientOf(server);
  expect((await client.send('\ud800')).outcome).toMatchObject({
    kind: 'rejected',
    code: 'unsendable',
    detail: expect.stringContaining('surrogate'),
  });
  expect((await client.send('good')).outcome.kind).toBe('replied');
  expect(server.accepted).toBe(1);
});

test('finds the server behind a name with several addresses, not all of them in use', async () => {
  await using server = await scripted(echo);
  // `localhost` may also be ::1, where no server listens. The timeout per address is not a whole number then.
  const client = clientOf(server, { SERVER_HOST: 'localhost', CONNECT_TIMEOUT_MS: 333 });
  for (let n = 0; n < 10; n += 1) {
    expect((await client.send('Hello')).outcome).toEqual({ kind: 'replied', reply: 'Hello' });
    client.close();
  }
});

test('keeps a connection for longer than CONNECT_TIMEOUT_MS', async () => {
  await using server = await scripted((socket) => {
    onMessage(socket, (message) => setTimeout(() => socket.write(frame(message)), 2200));
  });
  const client = clientOf(server, { CONNECT_TIMEOUT_MS: 2000 });
  for (const message of ['one', 'two']) {
    expect((await client.send(message)).outcome).toEqual({ kind: 'replied', reply: message });
  }
  expect(server.accepted).toBe(1);
  client.close();
});

test('reconnects after close()', async () => {
  await using server = await scripted(echo);
  const client = clientOf(server);
  await client.send('one');
  client.close();
  await client.send('two');
  expect(server.accepted).toBe(2);
});

/** A client whose message met its deadline while connecting, and that was closed then, as `greet` does. */
async function closedWhileConnecting(): Promise<{ client: Client; port: number }> {
  const port = await unusedPort();
  // Longer than the maximum backoff of 1.5 s, so that the next message is in time.
  const client = clientOf({ port }, { DEADLINE_MS: 4000 });
  expect((await client.send('too early')).outcome.kind).toBe('not_handled');
  client.close();
  return { client, port };
}

test('uses the next connection for the next message after close() while connecting', async () => {
  const { client, port } = await closedWhileConnecting();
  await using server = await scripted(echo, port);
  expect((await client.send('in time')).outcome.kind).toBe('replied');
  expect(server.accepted).toBe(1);
});

test('opens no connection without a message after close() while connecting', async () => {
  const { port } = await closedWhileConnecting();
  await using server = await scripted(echo, port);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(server.accepted).toBe(0);
});

test('gives every message an outcome at stop()', async () => {
  let heard = 0;
  await using server = await scripted((socket) => onMessage(socket, () => (heard += 1)));
  const client = clientOf(server);
  const sending = Array.from({ length: 1030 }, (_, n) => client.send(String(n)));
  await expect.poll(() => heard).toBe(1024);
  client.stop('stopped');
  const kinds = (await Promise.all(sending)).map(({ outcome }) => outcome.kind);
  expect(kinds.filter((kind) => kind === 'unknown')).toHaveLength(1024);
  expect(kinds.filter((kind) => kind === 'not_handled')).toHaveLength(6);
});

test('speaks text to a server that answers and closes: one connection per message', async () => {
  await using server = await scripted((socket) =>
    socket.once('data', (bytes) => socket.end(`heard ${bytes.toString().trim()}`)),
  );
  const client = clientOf(server, { PROTOCOL: 'text' });
  const deliveries = await Promise.all([client.send('one'), client.send('two')]);
  expect(deliveries.map(({ outcome }) => outcome)).toEqual([
    { kind: 'replied', reply: 'heard one' },
    { kind: 'replied', reply: 'heard two' },
  ]);
});

test('does not back off between connections that end normally', async () => {
  await using server = await scripted((socket) => socket.once('data', () => socket.end('good bye')));
  const client = clientOf(server, { PROTOCOL: 'text' });
  // The maximum of each delay: with a backoff before each connection it would take five seconds.
  using _random = vi.spyOn(Math, 'random').mockReturnValue(1);
  const began = performance.now();
  for (let n = 0; n < 50; n += 1) await client.send(String(n));
  expect(performance.now() - began).toBeLessThan(4500);
});

test.each([
  ['error: bad_utf8: no', {}, { kind: 'rejected', code: 'bad_utf8', detail: 'no' }],
  ['error: failed: no', {}, { kind: 'unknown', why: 'failed: no' }],
  ['error: no_code: no', {}, { kind: 'replied', reply: 'error: no_code: no' }],
  ['an error: failed: no', {}, { kind: 'replied', reply: 'an error: failed: no' }],
  ['error: failed: no', { raw: true }, { kind: 'replied', reply: 'error: failed: no' }],
])('in text, takes the line %j with %o for %o, and goes on', async (line, policy, outcome) => {
  await using server = await scripted((socket) => socket.on('data', () => socket.write(`${line}\n`)));
  const client = clientOf(server, { PROTOCOL: 'text' }, policy);
  expect((await client.send('one')).outcome).toEqual(outcome);
  expect((await client.send('two')).outcome).toEqual(outcome);
  expect(server.accepted).toBe(1);
});

test('in text, sends a message again that came when the server was busy', async () => {
  await using server = await scripted((socket, nth) => {
    if (nth === 1) socket.end('error: busy: full\n');
    else socket.on('data', () => socket.write('hello\n'));
  });
  const client = clientOf(server, { PROTOCOL: 'text' });
  expect((await client.send('one')).outcome).toEqual({ kind: 'replied', reply: 'hello' });
  expect(server.accepted).toBe(2);
});

test('keeps its promises by the ids of messages, whatever the server does', async () => {
  const handled = new Map<string, number>();
  let seed = 7;
  const dice = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  await using server = await scripted((socket) => {
    let over = false;
    onMessage(socket, (id) => {
      if (over) return;
      const luck = dice();
      over = luck < 0.03;
      if (luck < 0.01) socket.end(GOAWAY);
      else if (luck < 0.015) socket.end(errorReply('busy: not now'));
      else handled.set(id, (handled.get(id) ?? 0) + 1);
      if (luck >= 0.015 && luck < 0.03) socket.destroy();
      else if (!over) socket.write(frame(id));
    });
  });
  const client = clientOf(server, { DEADLINE_MS: 20_000 });
  const ids = Array.from({ length: 2000 }, (_, n) => `id ${n}`);
  const deliveries = await Promise.all(
    ids.map(async (id, n) => {
      await new Promise((resolve) => setTimeout(resolve, n));
      return client.send(id);
    }),
  );
  const kinds = new Set(deliveries.map(({ outcome }) => outcome.kind));
  expect(kinds).toEqual(new Set(['replied', 'unknown']));
  for (const [n, { outcome }] of deliveries.entries()) {
    const times = handled.get(ids[n]!) ?? 0;
    if (outcome.kind === 'replied') expect([outcome.reply, times]).toEqual([ids[n], 1]);
    else expect(times).toBeLessThanOrEqual(1);
  }
});
