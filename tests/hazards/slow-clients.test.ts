/** Slowloris, silent clients and slow readers: each has a time limit and a memory limit. */
import type { CloseReason } from '@knock/server/net/close-reason';
import { RawClient, frame } from '@knock/server/test/raw-client';
import { CLOCK_ERROR_MS } from '@knock/shared/test/clock-error';
import { expect, test } from 'vitest';

import { measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer } from '../support/knock-server.ts';
import { dripping, MAX_MESSAGE_BYTES, notReading, silent } from './support/attackers.ts';
import { ClientSwarm } from './support/client-swarm.ts';
import { type Ending, endings } from './support/endings.ts';
import { MEMORY_GIB, mostResidentMiB, residentMiB } from './support/memory.ts';
import { paced } from './support/pacing.ts';
import { answers, type Protocol, PROTOCOLS, say } from './support/protocols.ts';

/** Tolerance after a timeout: generous for a busy machine, and far below the default timeout. */
const GRACE_MS = scaled({ test: 4000, scorecard: 600 });
/** The same for silent clients and slow readers. */
const LONG_GRACE_MS = scaled({ test: GRACE_MS, scorecard: 1000 });
/** How long a closing server reads on if the client does not close. */
const LINGER_MS = 1000;
/** Extra time that a test waits. */
const PATIENCE_MS = 5000;

/** A slowloris client: sends its message byte by byte. */
interface Dripper {
  what: string;
  protocol: Protocol;
  /** A message that gets its reply first. */
  before?: Buffer;
  /** The start of the message, sent at once. */
  opening?: string;
  /** The dripping bytes, repeated. */
  drip: string | Buffer;
  everyMs?: number;
}

const MESSAGE_TIMEOUT_MS = scaled({ test: 1000, scorecard: 10_000 });
const FIRST_BYTE_TIMEOUT_MS = scaled({ test: 1000, scorecard: 30_000 });
const WRITE_TIMEOUT_MS = scaled({ test: 1000, scorecard: 10_000 });
/** None for the scorecard, which measures the defaults. */
const TIMEOUTS = scaled<Record<string, string>>({
  test: {
    MESSAGE_TIMEOUT_MS: `${MESSAGE_TIMEOUT_MS}`,
    FIRST_BYTE_TIMEOUT_MS: `${FIRST_BYTE_TIMEOUT_MS}`,
    WRITE_TIMEOUT_MS: `${WRITE_TIMEOUT_MS}`,
    // A stall of this machine must not end a text message.
    TEXT_IDLE_MS: '60000',
  },
  scorecard: {},
});
const DRIP_MS = MESSAGE_TIMEOUT_MS / 10;
const HEAD = 'POST / HTTP/1.1\r\nHost: knock\r\n';
const ENDLESS = frame('x'.repeat(5000));

const DRIPPERS: Dripper[] = [
  { what: 'frames', protocol: 'frames', drip: ENDLESS },
  { what: 'frames, the second message', protocol: 'frames', before: say('frames', 'one'), drip: ENDLESS },
  // Faster than TEXT_IDLE_MS, which would end the message.
  { what: 'text', protocol: 'text', drip: 'x', everyMs: 100 },
  { what: 'text, the second line', protocol: 'text', before: say('text', 'one'), drip: 'x' },
  { what: 'HTTP, the request line', protocol: 'HTTP', opening: 'POST /', drip: 'x' },
  { what: 'HTTP, the head', protocol: 'HTTP', opening: `${HEAD}X: `, drip: 'x' },
  { what: 'HTTP, the second head', protocol: 'HTTP', before: say('HTTP', 'one'), drip: `${HEAD}X: ${'x'.repeat(100)}` },
  { what: 'HTTP, the body', protocol: 'HTTP', opening: `${HEAD}Content-Length: 5000\r\n\r\n`, drip: 'x' },
  { what: 'HTTP, chunks', protocol: 'HTTP', opening: `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, drip: '1\r\nx\r\n' },
];

/** All bytes until the close; destroys a connection that stays open far too long, so that the test fails instead of hanging. */
async function readUntilClosed(client: RawClient, limitMs: number): Promise<Buffer> {
  const timer = setTimeout(() => client.socket.destroy(), limitMs + PATIENCE_MS);
  const all = await client.closed();
  clearTimeout(timer);
  return all;
}

/** Drips until the connection closes; resolves with the time since the first byte, and the last reply. */
async function drip(client: RawClient, { protocol, before, opening, drip: words, everyMs = DRIP_MS }: Dripper) {
  if (before) {
    client.send(before);
    await client.until('hello');
  }
  const bytes = Buffer.from(words);
  let next = 0;
  const began = performance.now();
  client.send(opening ?? bytes.subarray(next, ++next));
  const timer = setInterval(() => {
    if (client.socket.writable) client.send(bytes.subarray(next % bytes.length, (next++ % bytes.length) + 1));
  }, everyMs);
  const all = await readUntilClosed(client, MESSAGE_TIMEOUT_MS);
  clearInterval(timer);
  return { ms: performance.now() - began, heard: answers(protocol, all).at(-1) };
}

test('a slowloris client gets an error reply at the message timeout', async (context) => {
  await using server = await new KnockServerContainer().withSettings(TIMEOUTS).start();
  const before = await server.numbers();
  const { host, port } = await server.address();
  const count = scaled({ test: 3, scorecard: 20 });
  const all = DRIPPERS.flatMap((dripper) => Array.from({ length: count }, () => dripper));
  const ends = await paced(all.length, async (n) => drip(await RawClient.to(port, host), all[n]!));
  for (const protocol of PROTOCOLS) {
    const those = ends.filter((_, n) => all[n]!.protocol === protocol);
    const values = those.map(({ ms }) => ms);
    measured(context, {
      line: 'slow-clients',
      what: `${protocol}, at a limit of ${MESSAGE_TIMEOUT_MS} ms`,
      values,
      unit: 'ms',
    });
  }
  const errorReply = { kind: 'errorReply', text: expect.stringMatching(/^(?:timeout:|408 )/) };
  for (const [n, { ms, heard }] of ends.entries()) {
    const { what } = all[n]!;
    expect.soft({ what, heard }).toEqual({ what, heard: errorReply });
    expect.soft(ms, what).toBeGreaterThanOrEqual(MESSAGE_TIMEOUT_MS - CLOCK_ERROR_MS);
    expect.soft(ms, what).toBeLessThanOrEqual(MESSAGE_TIMEOUT_MS + GRACE_MS);
  }
  await server.expectClosed(before, { message_timeout: all.length });
  await server.expectHealthy(before);
});

test('a silent client is disconnected at the first-byte timeout', async (context) => {
  await using server = await new KnockServerContainer().withSettings(TIMEOUTS).start();
  const before = await server.numbers();
  const { host, port } = await server.address();
  const count = scaled({ test: 20, scorecard: 100 });
  const values = await paced(count, async () => {
    const client = await RawClient.to(port, host);
    const began = performance.now();
    expect(await readUntilClosed(client, FIRST_BYTE_TIMEOUT_MS)).toHaveLength(0);
    return performance.now() - began;
  });
  measured(context, { line: 'silent-clients', what: `at a limit of ${FIRST_BYTE_TIMEOUT_MS} ms`, values, unit: 'ms' });
  expect(Math.min(...values)).toBeGreaterThanOrEqual(FIRST_BYTE_TIMEOUT_MS - CLOCK_ERROR_MS);
  expect(Math.max(...values)).toBeLessThanOrEqual(FIRST_BYTE_TIMEOUT_MS + LONG_GRACE_MS);
  await server.expectClosed(before, { first_byte_timeout: count });
  await server.expectHealthy(before);
});

test('clients that ignore the close are disconnected: a silent one in time, a dripping one a second later', async (context) => {
  await using server = await new KnockServerContainer().withSettings(TIMEOUTS).start();
  const before = await server.numbers();
  const count = scaled({ test: 10, scorecard: 50 });
  await using _swarm = await ClientSwarm.at(server, [
    silent({ count }),
    dripping('frames', { count, everyMs: DRIP_MS }),
  ]);
  const reasons = { first_byte_timeout: count, message_timeout: count };
  await server.expectClosed(before, reasons, { withinMs: FIRST_BYTE_TIMEOUT_MS + PATIENCE_MS });
  const ended = await endings(server);
  const openFor = (why: CloseReason) => ended.filter(({ reason }) => reason === why).map(({ ms }) => ms);
  const dripped = openFor('message_timeout');
  const what = 'frames, until the socket is destroyed, for a client that drips on after the error reply';
  measured(context, { line: 'slow-clients', what, values: dripped, unit: 'ms' });
  expect(Math.max(...dripped)).toBeLessThanOrEqual(MESSAGE_TIMEOUT_MS + LINGER_MS + GRACE_MS);
  const said = openFor('first_byte_timeout');
  measured(context, {
    line: 'silent-clients',
    what: 'until the socket is destroyed, for a client that ignores the close',
    values: said,
    unit: 'ms',
  });
  expect(Math.max(...said)).toBeLessThanOrEqual(FIRST_BYTE_TIMEOUT_MS + LONG_GRACE_MS);
  await server.expectHealthy(before);
});

/** Sizes of replies and of their messages, up to the largest message. */
const REPLIES = [
  { reply: '16 KiB', bytes: 1024 },
  { reply: '64 KiB', bytes: 4096 },
  { reply: '1 MiB', bytes: MAX_MESSAGE_BYTES },
];
const REPLY = '{message}'.repeat(16);

test('a client that does not read is disconnected after the write timeout without progress', async (context) => {
  await using server = await new KnockServerContainer().withSettings({ REPLY, ...TIMEOUTS }).start();
  const before = await server.numbers();
  const count = scaled({ test: 3, scorecard: 10 });
  const kinds = PROTOCOLS.flatMap((protocol) => [
    { what: `${protocol}, client reads nothing`, protocol, takes: 0 },
    { what: `${protocol}, client reads 4 KiB`, protocol, takes: 4096 },
  ]);
  const groups = kinds.map(({ protocol, takes }) =>
    REPLIES.map(({ bytes }) => notReading(protocol, { count, bytes, takes })),
  );
  await using swarm = await ClientSwarm.at(server, groups.flat());
  const stopped = await swarm.stoppedAt();
  await server.expectClosed(before, { write_timeout: swarm.size }, { withinMs: WRITE_TIMEOUT_MS + PATIENCE_MS });
  const closed = clientsEndedAt(await endings(server));
  const times = stopped.map((at, client) => closed.get(client)! - at);
  const size = count * REPLIES.length;
  for (const [n, { what }] of kinds.entries()) {
    const values = times.slice(n * size, (n + 1) * size);
    measured(context, {
      line: 'slow-reader-timeout',
      what: `${what}, at a limit of ${WRITE_TIMEOUT_MS} ms`,
      values,
      unit: 'ms',
    });
    expect.soft(Math.max(...values), what).toBeLessThanOrEqual(WRITE_TIMEOUT_MS + LONG_GRACE_MS);
  }
  await server.expectHealthy(before);
});

/** Close times by client number, in milliseconds since 1970. */
function clientsEndedAt(ended: Ending[]): Map<number, number> {
  const clients = ended.map(({ message = '', time }) => [Number(/^client (\d+)/.exec(message)?.[1]), time] as const);
  return new Map(clients);
}

test.for(REPLIES)(
  'clients that do not read replies of $reply cost at most 2 MiB each',
  async ({ reply, bytes }, context) => {
    const count = 50;
    const values: number[] = [];
    // In a test run, one protocol per size.
    const protocols = scaled({
      test: [PROTOCOLS[REPLIES.findIndex((other) => other.bytes === bytes)]!],
      scorecard: PROTOCOLS,
    });
    for (const protocol of protocols) {
      // The timeout does not affect the memory.
      await using server = await new KnockServerContainer()
        .withSettings({ REPLY, WRITE_TIMEOUT_MS: '1000' })
        .withResourcesQuota({ memory: MEMORY_GIB })
        .start();
      const before = await server.numbers();
      const memoryBefore = await residentMiB(server);
      await using swarm = await ClientSwarm.at(server, [notReading(protocol, { count, bytes })]);
      await server.expectClosed(before, { write_timeout: swarm.size });
      // The peak: all of them at once, with garbage that was not yet collected.
      values.push(((await mostResidentMiB(server)) - memoryBefore) / count);
      await server.expectHealthy(before);
    }
    measured(context, {
      line: 'slow-reader-memory',
      what: `replies of ${reply}, to each of ${count} in ${protocols.join(', ')}`,
      values,
      unit: 'MiB',
    });
    expect(Math.max(...values)).toBeLessThanOrEqual(2);
  },
);
