/** A log that nobody reads: the server goes on, does not grow, and says later how much of its log is missing. */
import { RawClient, frame } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type LogLine, type StartedKnockServerContainer } from '../support/knock-server.ts';
import { type Latencies, latencies, percentile } from './support/latency.ts';
import { MEMORY_GIB, MIB, residentMiB } from './support/memory.ts';
import { paced } from './support/pacing.ts';

const LINE = 'memory-limit';
/** What Linux lets wait in a pipe. */
const PIPE_BYTES = 64 * 1024;
const SECONDS = scaled({ test: 5, scorecard: 60 });
/** By how much two medians may differ on a machine that does other things as well; whoever waits for a log waits for ever. */
const NOISE_MS = scaled({ test: 20, scorecard: 2 });
const WAYS = [
  ['onOneConnection', 'over one connection'],
  ['onNewConnections', 'over a new connection for each message'],
] as const;

const inMs = (ms: number) => `${Number(ms.toPrecision(3))} ms`;

/** Who reads the log, at the other end of its pipe: programs of the shell. */
const READS_ALL = 'exec cat > /dev/null';
const READS_WHEN_TOLD = 'until [ -e /tmp/read ]; do sleep 0.1; done; exec cat';

function loggingTo(reader: string): KnockServerContainer {
  return new KnockServerContainer()
    .withEntrypoint(['bash', '-c', `exec node main.mjs > >(${reader})`])
    .withSettings({ LOG_LEVEL: 'trace' })
    .withResourcesQuota({ memory: MEMORY_GIB });
}

/** Says much, on one connection, so that there is much to log. */
async function chatter({ host, port }: { host: string; port: number }): Promise<void> {
  const client = await RawClient.to(port, host);
  const many = Buffer.concat(Array.from({ length: 100 }, (_, n) => frame(`message ${n} of many`)));
  const perSecond = 40;
  await paced(SECONDS * perSecond, async () => client.send(many), perSecond);
  client.end();
  await client.closed();
}

/** How much a server grows while there is much to log, and how long a healthy client waits meanwhile. */
async function burden(server: StartedKnockServerContainer): Promise<Latencies & { grownMiB: number }> {
  const address = await server.address();
  const before = await residentMiB(server);
  const [waits] = await Promise.all([latencies(address, { seconds: SECONDS }), chatter(address)]);
  return { ...waits, grownMiB: (await residentMiB(server)) - before };
}

test('a log that nobody reads costs 1 MiB and nobody any time, and what is missing is counted when it is read again', async (context) => {
  await using readServer = await loggingTo(READS_ALL).start();
  await using server = await loggingTo(READS_WHEN_TOLD).start();
  const before = await server.numbers();
  // At the same time, so that whatever else the machine does is in the way of both.
  const [read, blocked] = await Promise.all([burden(readServer), burden(server)]);

  const how = `of a server that logged for ${SECONDS} s`;
  measured(context, {
    line: LINE,
    what: `growth ${how}, its log not being read`,
    values: [blocked.grownMiB],
    unit: 'MiB',
  });
  measured(context, { line: LINE, what: `growth ${how}, its log being read`, values: [read.grownMiB], unit: 'MiB' });
  // The queue, and what the collector leaves now and then.
  expect(blocked.grownMiB - read.grownMiB).toBeLessThanOrEqual(8);
  for (const [way, what] of WAYS) {
    const [median, p99] = [percentile(blocked[way], 50), inMs(percentile(blocked[way], 99))];
    const medianOfRead = percentile(read[way], 50);
    const beside = `99th percentile ${p99}; where the log is read, median ${inMs(medianOfRead)}, 99th ${inMs(percentile(read[way], 99))}`;
    measured(context, {
      line: LINE,
      what: `a healthy client meanwhile, ${what} (${beside})`,
      values: blocked[way],
      unit: 'ms',
    });
    expect.soft(median - medianOfRead, what).toBeLessThanOrEqual(0.1 * medianOfRead + NOISE_MS);
  }

  await server.exec(['touch', '/tmp/read']);
  const isCount = (line: LogLine) => 'dropped' in line;
  await expect.poll(async () => (await server.logLines()).some(isCount)).toBe(true);
  const lines = await server.logLines();
  const at = lines.findIndex(isCount);
  // All that comes before the count had waited.
  const waited = lines
    .slice(0, at)
    .reduce((bytes, line) => bytes + Buffer.byteLength(JSON.stringify(line)) + 1, -PIPE_BYTES);
  measured(context, {
    line: LINE,
    what: `queue of the log ${how}, while nobody read it`,
    values: [waited / MIB],
    unit: 'MiB',
  });
  expect(waited / MIB).toBeLessThanOrEqual(1);
  // None is missing that is not counted: each message has a line of its own, and there are others besides.
  const messages = (await server.numbers())['knock_messages_total{protocol="frames"}']!;
  expect(at + (lines[at]!['dropped'] as number)).toBeGreaterThanOrEqual(messages);
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});
