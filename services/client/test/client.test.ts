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

/** A port on which somebody listened a moment ago. */
async function unusedPort(): Promise<number> {
  await using server = await scripted(() => undefined);
  return server.port;
}

const echo = (socket: Parameters<typeof onMessage>[0]) => onMessage(socket, (message) => socket.write(frame(message)));

test('gives the reply as the outcome', async () => {
  await using server = await scripted(echo);
  const { outcome, attempts, address } = await clientOf(server).send('Hello');
  expect(outcome).toEqual({ kind: 'replied', reply: 'Hello' });
  expect(attempts).toBe(1);
  expect(address).toBe('127.0.0.1');
});

test('matches the replies to thousands of messages that are on their way at once, over one connection', async () => {
  await using server = await scripted(echo);
  const client = clientOf(server);
  const texts = Array.from({ length: 5000 }, (_, n) => `message ${n}`);
  const deliveries = await Promise.all(texts.map((text) => client.send(text)));
  expect(deliveries.map(({ outcome }) => outcome)).toEqual(texts.map((reply) => ({ kind: 'replied', reply })));
  expect(server.accepted).toBe(1);
});

test('has no more than 1024 messages unanswered at once', async () => {
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

test('gives an error reply as the outcome, and goes on with the next message', async () => {
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

test('sends what goaway left unanswered again, on a new connection', async () => {
  await using server = await scripted((socket, nth) => {
    if (nth > 1) echo(socket);
    else socket.once('data', () => socket.end(Buffer.concat([frame('one'), GOAWAY])));
  });
  const client = clientOf(server);
  const [one, two] = await Promise.all([client.send('one'), client.send('two')]);
  expect(one.attempts).toBe(1);
  expect(two).toMatchObject({ outcome: { kind: 'replied', reply: 'two' }, attempts: 2 });
});

test('tries again after busy, but less soon', async () => {
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

test('waits before it tries again: a random time of up to a second after busy, the first time already', async () => {
  let waited = 0;
  for (let run = 0; run < 5; run += 1) {
    await using server = await scripted((socket, nth) => {
      if (nth > 1) echo(socket);
      else socket.end(errorReply('busy: come back later'));
    });
    const { ms } = await clientOf(server).send('Hello');
    // And not at its deadline, after ten seconds.
    expect(ms).toBeLessThan(3000);
    waited += ms;
  }
  // The mean of five is below 50 ms once in a million runs, if each is as likely to be short as long.
  expect(waited / 5).toBeGreaterThan(50);
});

test('comes back less soon to a server that has nothing but a goaway for it than to one that has answered', async () => {
  // The longest of all waits, so that the short one and the long one are far apart.
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

test('tries no more than three times to have an answer, and does not count what was never handled', async () => {
  await using server = await scripted((socket, nth) => {
    if (nth === 1) socket.end(GOAWAY);
    else if (nth < 4) onMessage(socket, () => socket.destroy());
    else echo(socket);
  });
  const { outcome } = await clientOf(server).send('again', { idempotent: true });
  expect(outcome).toEqual({ kind: 'replied', reply: 'again' });
});

test('stays in doubt where a second attempt is refused after a first one that may have been handled', async () => {
  await using server = await scripted((socket, nth) =>
    onMessage(socket, () => (nth === 1 ? socket.destroy() : socket.write(errorReply('failed: no luck')))),
  );
  const { outcome } = await clientOf(server).send('again', { idempotent: true });
  expect(outcome.kind).toBe('unknown');
});

test('gives a outcome to a message that comes in the moment of hanging up or stopping', async () => {
  await using server = await scripted(echo);
  const client = clientOf(server);
  await client.send('one');
  const second = client.send('two');
  client.close();
  expect((await second).outcome.kind).toBe('replied');
  const third = client.send('three');
  client.stop('told to stop');
  expect((await third).outcome).toEqual({ kind: 'not_handled', why: 'told to stop' });
});

test('hears the answers that are on their way when it hangs up', async () => {
  const { promise: heard, resolve: hear } = Promise.withResolvers<void>();
  await using server = await scripted((socket) => {
    // It has the last word: not before its client's end has come.
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

test('sends nothing any more once it was stopped, even where it was still connecting', async () => {
  let heard = 0;
  await using server = await scripted((socket) => onMessage(socket, () => (heard += 1)));
  const client = clientOf(server);
  const sending = client.send('too late');
  client.stop('told to stop');
  expect((await sending).outcome).toEqual({ kind: 'not_handled', why: 'told to stop' });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(heard).toBe(0);
});

test('says why nothing is sent, where it is stopped while it waits for its next try', async () => {
  // It waits for a second.
  using _random = vi.spyOn(Math, 'random').mockReturnValue(1);
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  await using server = await scripted((socket) => {
    socket.once('close', () => close()).resume();
    socket.end(errorReply('busy: come back later'));
  });
  const client = clientOf(server);
  const sending = client.send('Hello');
  // By then it has read why.
  await closed;
  client.stop('told to stop');
  expect((await sending).outcome).toEqual({ kind: 'not_handled', why: 'told to stop' });
});

test('survives a queue of two hundred thousand messages that nobody answers', async () => {
  await using server = await scripted(() => undefined);
  const client = clientOf(server, { REPLY_TIMEOUT_MS: 300, DEADLINE_MS: 900 });
  const deliveries = await Promise.all(Array.from({ length: 200_000 }, () => client.send('x')));
  expect(deliveries.every(({ outcome: { kind } }) => kind === 'unknown' || kind === 'not_handled')).toBe(true);
}, 120_000);

test('counts the time for a reply from the writing of a message, not from its waiting', async () => {
  await using server = await scripted((socket) =>
    socket.on('data', () => setTimeout(() => socket.write('heard\n'), 150)),
  );
  // All replies together take longer.
  const client = clientOf(server, { PROTOCOL: 'text', REPLY_TIMEOUT_MS: 2500, DEADLINE_MS: 30_000 });
  const deliveries = await Promise.all(Array.from({ length: 20 }, () => client.send('x')));
  expect(deliveries.map(({ outcome }) => outcome.kind)).toEqual(deliveries.map(() => 'replied'));
});

test('gives up a connection on which an answer comes that nobody asked for', async () => {
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

test('holds back what a server does not read', async () => {
  await using server = await scripted((socket) => socket.pause());
  const client = clientOf(server, { REPLY_TIMEOUT_MS: 300, DEADLINE_MS: 300 });
  const large = 'x'.repeat(2 ** 20);
  const sending = Array.from({ length: 200 }, () => client.send(large));
  const kinds = (await Promise.all(sending)).map(({ outcome }) => outcome.kind);
  // The kernel takes a few MiB; what was never written can be told apart.
  expect(kinds.filter((kind) => kind === 'unknown').length).toBeLessThan(40);
  expect(kinds.filter((kind) => kind === 'not_handled').length).toBeGreaterThan(160);
});

test('says not handled, with the reason of the server, where it is busy until the deadline', async () => {
  await using server = await scripted((socket) => socket.end(errorReply('busy: full house')));
  const { outcome } = await clientOf(server, { DEADLINE_MS: 2000 }).send('Hello');
  expect(outcome).toEqual({ kind: 'not_handled', why: 'busy: full house' });
});

test('does not know what became of a message when the connection ends before the answer, and sends it no more', async () => {
  await using server = await scripted((socket) => onMessage(socket, () => socket.end()));
  const { outcome, attempts } = await clientOf(server).send('once only');
  expect(outcome.kind).toBe('unknown');
  expect(attempts).toBe(1);
});

test('does not know what became of a message when the connection is reset', async () => {
  await using server = await scripted((socket) => onMessage(socket, () => socket.resetAndDestroy()));
  const { outcome } = await clientOf(server).send('once only');
  expect(outcome).toMatchObject({ kind: 'unknown', why: expect.stringContaining('ECONNRESET') });
});

test('takes the end of the stream inside a frame for no answer', async () => {
  await using server = await scripted((socket) => onMessage(socket, () => socket.end(frame('a reply').subarray(0, 6))));
  const { outcome } = await clientOf(server).send('once only');
  expect(outcome).toMatchObject({ kind: 'unknown', why: expect.stringContaining('ended inside a frame') });
});

test('takes what is no frame for no answer', async () => {
  await using server = await scripted((socket) =>
    onMessage(socket, () => socket.write('HTTP/1.1 400 Bad Request\r\n')),
  );
  const { outcome } = await clientOf(server).send('once only');
  expect(outcome).toMatchObject({ kind: 'unknown', why: expect.stringContaining('broke the protocol') });
});

test('sends a message that may be handled twice three times at most', async () => {
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

test('never says not sent of a message that an earlier attempt may have brought', async () => {
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

test('gives its outcome by the deadline where nobody listens, and says what to do', async () => {
  const port = await unusedPort();
  const began = performance.now();
  const { outcome, attempts } = await clientOf({ port }, { DEADLINE_MS: 1500 }).send('Hello');
  expect(outcome).toMatchObject({
    kind: 'not_handled',
    why: expect.stringContaining(`connection refused by 127.0.0.1:${port}`),
  });
  expect(attempts).toBe(0);
  // As it is shipped it would have ten seconds.
  expect(performance.now() - began).toBeLessThan(5000);
});

test('waits for a server that starts later than it does', async () => {
  const port = await unusedPort();
  const sending = clientOf({ port }).send('Hello');
  await new Promise((resolve) => setTimeout(resolve, 300));
  await using _late = await scripted(echo, port);
  expect((await sending).outcome).toEqual({ kind: 'replied', reply: 'Hello' });
});

test('says not sent where the name of the server is not known', async () => {
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

test('finds the server behind a name of several addresses, of which not all have one', async () => {
  await using server = await scripted(echo);
  // Where `localhost` is ::1 as well, nobody listens there; and the time for each address is no whole number.
  const client = clientOf(server, { SERVER_HOST: 'localhost', CONNECT_TIMEOUT_MS: 333 });
  for (let n = 0; n < 10; n += 1) {
    expect((await client.send('Hello')).outcome).toEqual({ kind: 'replied', reply: 'Hello' });
    client.close();
  }
});

test('keeps a connection for longer than it may take to make one', async () => {
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

test('connects again after it has hung up', async () => {
  await using server = await scripted(echo);
  const client = clientOf(server);
  await client.send('one');
  client.close();
  await client.send('two');
  expect(server.accepted).toBe(2);
});

/** A client whose message has met its deadline while it tried to connect, and which has hung up then, as `greet` does. */
async function hungUpWhileConnecting(): Promise<{ client: Client; port: number }> {
  const port = await unusedPort();
  // Longer than it waits between two tries, which is 1.5 s at most, so that the next message is in time.
  const client = clientOf({ port }, { DEADLINE_MS: 4000 });
  expect((await client.send('too early')).outcome.kind).toBe('not_handled');
  client.close();
  return { client, port };
}

test('uses the first connection there is for the next message, where it has hung up while it tried to connect', async () => {
  const { client, port } = await hungUpWhileConnecting();
  await using server = await scripted(echo, port);
  expect((await client.send('in time')).outcome.kind).toBe('replied');
  expect(server.accepted).toBe(1);
});

test('opens no connection for nobody, where it has hung up while it tried to connect', async () => {
  const { port } = await hungUpWhileConnecting();
  await using server = await scripted(echo, port);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(server.accepted).toBe(0);
});

test('gives every message a outcome when it is told to stop', async () => {
  let heard = 0;
  await using server = await scripted((socket) => onMessage(socket, () => (heard += 1)));
  const client = clientOf(server);
  const sending = Array.from({ length: 1030 }, (_, n) => client.send(String(n)));
  await expect.poll(() => heard).toBe(1024);
  client.stop('told to stop');
  const kinds = (await Promise.all(sending)).map(({ outcome }) => outcome.kind);
  expect(kinds.filter((kind) => kind === 'unknown')).toHaveLength(1024);
  expect(kinds.filter((kind) => kind === 'not_handled')).toHaveLength(6);
});

test('speaks text to a server that answers and closes, one connection for each message', async () => {
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

test('loses no time between connections that end in good order', async () => {
  await using server = await scripted((socket) => socket.once('data', () => socket.end('good bye')));
  const client = clientOf(server, { PROTOCOL: 'text' });
  // As long as it can be: with a wait before each, as after a failure, it would be five seconds.
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
