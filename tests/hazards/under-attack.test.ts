/** Many hostile clients, together and one kind after another: their cost, and their effect on others. */
import type { CloseReason } from '@knock/server/net/close-reason';
import { RawClient, frame } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type StartedKnockServerContainer } from '../support/knock-server.ts';
import {
  dripping,
  flooding,
  holdingBack,
  MAX_MESSAGE_BYTES,
  notReading,
  oversized,
  saying,
  silent,
} from './support/attackers.ts';
import { ClientSwarm, type Group } from './support/client-swarm.ts';
import { latencies, percentile } from './support/latency.ts';
import { MEMORY_GIB, mostCountedMiB, mostResidentMiB, residentMiB } from './support/memory.ts';
import { paced } from './support/pacing.ts';
import { answers, type Protocol, PROTOCOLS } from './support/protocols.ts';
import { slowServer } from './support/slow-server.ts';

/** Longer than the longest timeout. */
const PATIENCE_MS = scaled({ test: 25_000, scorecard: 45_000 });
const MANY = { MAX_CONNECTIONS: '2500' };
const DESCRIPTORS = { nofile: { soft: 4096, hard: 4096 } };
/** Sixteen times the message: replies to non-readers are as large as the largest message, others are short. */
const REPLY = '{message}'.repeat(16);
const FOR_LARGE_REPLIES = MAX_MESSAGE_BYTES / 16;

test('non-readers, slowloris and silent clients cost at most 72 MiB together, and delay no healthy client', async (context) => {
  // In a test run a fifth of them, for a shorter time.
  const [share, timeouts] = scaled({
    test: [0.2, { MESSAGE_TIMEOUT_MS: '9000', WRITE_TIMEOUT_MS: '9000', FIRST_BYTE_TIMEOUT_MS: '9000' }],
    scorecard: [1, {}],
  });
  await using server = await new KnockServerContainer()
    .withSettings({ ...MANY, REPLY, ...timeouts })
    .withResourcesQuota({ memory: MEMORY_GIB })
    .withUlimits(DESCRIPTORS)
    .start();
  const before = await server.numbers();
  const memoryBefore = await residentMiB(server);
  const address = await server.address();
  const seconds = scaled({ test: 2, scorecard: 5 });
  const alone = await latencies(address, { seconds });
  // Those with the longest timeouts first, so that all are connected at the same time.
  await using swarm = await ClientSwarm.at(server, [
    silent({ count: 1000 * share }),
    notReading('frames', { count: 200 * share, bytes: FOR_LARGE_REPLIES }),
    dripping('frames', { count: 500 * share, everyMs: 1000 }),
  ]);
  const memory = [await residentMiB(server)];
  const attacked = await latencies(address, { seconds });
  memory.push(await residentMiB(server));
  // All were still connected at the end; the request for metrics is a client as well.
  expect(await server.numbers()).toMatchObject({ 'knock_connections{state="served"}': swarm.size + 1 });
  const added = Math.max(...memory) - memoryBefore;
  measured(context, { line: 'attack-memory', what: `for ${swarm.size} clients`, values: [added], unit: 'MiB' });
  expect(added).toBeLessThanOrEqual(72);
  for (const [way, what] of [
    ['onOneConnection', 'over one connection'],
    ['onNewConnections', 'over a new connection for each message'],
  ] as const) {
    const [base, p99] = [percentile(alone[way], 99), percentile(attacked[way], 99)];
    const comparison = `of ${attacked[way].length} messages; without them ${base.toPrecision(3)} ms, so ${(p99 / base).toPrecision(2)} times`;
    measured(context, { line: 'attack-latency', what: `${what} (${comparison})`, values: [p99], unit: 'ms' });
    // A test run on a shared machine cannot measure speed; a blocked client would wait for seconds.
    expect.soft(p99, what).toBeLessThanOrEqual(scaled({ test: Math.max(500, 5 * base), scorecard: 20 }));
  }
  const reasons = {
    first_byte_timeout: 1000 * share,
    write_timeout: 200 * share,
    message_timeout: 500 * share,
  };
  await server.expectClosed(before, reasons, { withinMs: PATIENCE_MS });
  await server.expectHealthy(before);
});

/** Clients that must all close for the same reason. */
interface Attack {
  reason: CloseReason;
  groups: Group[];
}

/** All attacks in each protocol; `share` scales their numbers. */
function attacks(share: number): Attack[] {
  const inEach = (group: (protocol: Protocol) => Group) => PROTOCOLS.map((protocol) => group(protocol));
  return [
    {
      reason: 'message_timeout',
      groups: [
        ...inEach((protocol) => dripping(protocol, { count: 170 * share, everyMs: 1000 })),
        ...inEach((protocol) => holdingBack(protocol, { count: 300 * share })),
      ],
    },
    { reason: 'first_byte_timeout', groups: [silent({ count: 1000 * share })] },
    {
      reason: 'write_timeout',
      groups: [
        ...inEach((protocol) => notReading(protocol, { count: 70 * share, bytes: FOR_LARGE_REPLIES })),
        ...inEach((protocol) => flooding(protocol, { count: 20 * share })),
      ],
    },
    { reason: 'too_large', groups: inEach((protocol) => oversized(protocol, { count: 100 * share })) },
    { reason: 'handler_timeout', groups: [saying('wait 600000', { count: 1000 * share })] },
  ];
}

test('no attack exhausts 256 MiB of memory, and a second round leaks no more than the first', async (context) => {
  const share = scaled({ test: 0.2, scorecard: 1 });
  const timeouts = scaled({
    test: {
      MESSAGE_TIMEOUT_MS: '1000',
      FIRST_BYTE_TIMEOUT_MS: '1000',
      HANDLER_TIMEOUT_MS: '1000',
      WRITE_TIMEOUT_MS: '2000',
    },
    scorecard: {},
  });
  const container = await slowServer();
  await using server = await container
    .withSettings({ ...MANY, REPLY, ...timeouts })
    .withResourcesQuota({ memory: MEMORY_GIB })
    .withUlimits(DESCRIPTORS)
    .start();
  const before = await server.numbers();
  try {
    const left: number[] = [];
    for (let round = 1; round <= 2; round += 1) {
      for (const attack of attacks(share)) await withstand(server, attack);
      left.push(await residentMiB(server));
    }
    // Garbage goes, leaks stay.
    const grown = async () => (left[1] = Math.min(left[1]!, await residentMiB(server))) - left[0]!;
    await expect.poll(grown, { timeout: 20_000, interval: 500 }).toBeLessThanOrEqual(8);
    const sizes = {
      'growth of the process from the first round of attacks to the second': left[1]! - left[0]!,
      'peak of the process': await mostResidentMiB(server),
      'peak of the container': await mostCountedMiB(server),
    };
    for (const [what, size] of Object.entries(sizes))
      measured(context, { line: 'memory-limit', what, values: [size], unit: 'MiB' });
  } finally {
    // First, since a killed server fails every other check.
    const { State } = await (await server.engine()).inspect();
    counted(context, {
      line: 'memory-limit',
      what: 'servers killed for lack of memory',
      count: State.OOMKilled ? 1 : 0,
      of: 1,
    });
    expect.soft(State).toMatchObject({ OOMKilled: false, Running: true });
  }
  await server.expectHealthy(before);
});

async function withstand(server: StartedKnockServerContainer, { reason, groups }: Attack): Promise<void> {
  const before = await server.numbers();
  await using swarm = await ClientSwarm.at(server, groups);
  await server.expectClosed(before, { [reason]: swarm.size }, { withinMs: PATIENCE_MS });
}

test('idle clients cost nothing for earlier messages, and their next message is handled', async (context) => {
  await using server = await new KnockServerContainer().withResourcesQuota({ memory: MEMORY_GIB }).start();
  const before = await server.numbers();
  const { host, port } = await server.address();
  const count = scaled({ test: 400, scorecard: 990 });
  // One such character makes the string take two bytes per character.
  const largest = frame(`${'x'.repeat(MAX_MESSAGE_BYTES - 2)}\u0101`);
  const memoryBefore = await residentMiB(server);
  const clients = await paced(count, async () => {
    const client = await RawClient.to(port, host);
    client.send(largest);
    await client.until('hello');
    return client;
  });
  const each = (((await residentMiB(server)) - memoryBefore) / count) * 1024;
  const what = `per idle client, of ${count} that have sent the largest message`;
  measured(context, { line: 'memory-limit', what, values: [each], unit: 'KiB' });
  expect.soft(each).toBeLessThanOrEqual(64);

  for (const client of clients) client.send(largest.subarray(0, -1));
  const heldBack = count * (2 * largest.length - 1);
  const read = async () => (await server.numbers())['knock_bytes_total{direction="in"}'];
  await expect.poll(read).toBeGreaterThanOrEqual(heldBack);
  for (const client of clients) client.end(largest.subarray(-1));
  const heard = await Promise.all(clients.map((client) => client.closed()));
  const answered = heard.filter((bytes) => answers('frames', bytes).length === 2);
  counted(context, {
    line: 'memory-limit',
    what: 'replies to another message, all at once',
    count: answered.length,
    of: count,
  });
  expect(answered).toHaveLength(count);
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});
