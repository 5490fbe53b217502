/** A blocked log pipe: the server keeps serving, bounds its memory, and counts the dropped lines. */
import { RawClient, frame } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type LogLine, type StartedKnockServerContainer } from '../support/knock-server.ts';
import { SHELL_IMAGE } from '../support/shell/image.ts';
import { type Latencies, latencies, percentile } from './support/latency.ts';
import { MEMORY_GIB, MIB, residentMiB } from './support/memory.ts';
import { paced } from './support/pacing.ts';

const LINE = 'memory-limit';
/** The capacity of a pipe on Linux. */
const PIPE_BYTES = 64 * 1024;
const SECONDS = scaled({ test: 5, scorecard: 60 });
/** How much two medians may differ on a busy machine; a client blocked by the log would wait for ever. */
const NOISE_MS = scaled({ test: 20, scorecard: 2 });
const WAYS = [
  ['onOneConnection', 'over one connection'],
  ['onNewConnections', 'over a new connection for each message'],
] as const;

const inMs = (ms: number) => `${Number(ms.toPrecision(3))} ms`;

/** Shell commands that read the log at the other end of its pipe. */
const READS_ALL = 'exec cat > /dev/null';
const READS_ON_COMMAND = 'until [ -e /dev/shm/read ]; do sleep 0.1; done; exec cat';

function loggingTo(reader: string): KnockServerContainer {
  return new KnockServerContainer(SHELL_IMAGE)
    .withEntrypoint(['sh', '-c', `node main.mjs | { ${reader}; }`])
    .withSettings({ LOG_LEVEL: 'trace' })
    .withResourcesQuota({ memory: MEMORY_GIB });
}

/** Sends many messages on one connection, which makes the server log a lot. */
async function chatter({ host, port }: { host: string; port: number }): Promise<void> {
  const client = await RawClient.to(port, host);
  const many = Buffer.concat(Array.from({ length: 100 }, (_, n) => frame(`message ${n} of many`)));
  const perSecond = 40;
  await paced(SECONDS * perSecond, async () => client.send(many), perSecond);
  client.end();
  await client.closed();
}

/** Memory growth of a server that logs a lot, and a healthy client's latency meanwhile. */
async function burden(server: StartedKnockServerContainer): Promise<Latencies & { grownMiB: number }> {
  const address = await server.address();
  const before = await residentMiB(server);
  const [waits] = await Promise.all([latencies(address, { seconds: SECONDS }), chatter(address)]);
  return { ...waits, grownMiB: (await residentMiB(server)) - before };
}

test('a blocked log costs 1 MiB and no latency, and dropped lines are counted once it is read again', async (context) => {
  await using readServer = await loggingTo(READS_ALL).start();
  await using server = await loggingTo(READS_ON_COMMAND).start();
  const before = await server.numbers();
  // At the same time, so that other load on the machine affects both.
  const [read, blocked] = await Promise.all([burden(readServer), burden(server)]);

  const how = `of a server that logged for ${SECONDS} s`;
  measured(context, {
    line: LINE,
    what: `growth ${how}, with its log blocked`,
    values: [blocked.grownMiB],
    unit: 'MiB',
  });
  measured(context, { line: LINE, what: `growth ${how}, with its log read`, values: [read.grownMiB], unit: 'MiB' });
  // The queue, and garbage that is not yet collected.
  expect(blocked.grownMiB - read.grownMiB).toBeLessThanOrEqual(8);
  for (const [way, what] of WAYS) {
    const [median, p99] = [percentile(blocked[way], 50), inMs(percentile(blocked[way], 99))];
    const medianOfRead = percentile(read[way], 50);
    const comparison = `99th percentile ${p99}; with the log read, median ${inMs(medianOfRead)}, 99th ${inMs(percentile(read[way], 99))}`;
    measured(context, {
      line: LINE,
      what: `a healthy client meanwhile, ${what} (${comparison})`,
      values: blocked[way],
      unit: 'ms',
    });
    expect.soft(median - medianOfRead, what).toBeLessThanOrEqual(0.1 * medianOfRead + NOISE_MS);
  }

  await server.exec(['node', '--eval', "fs.writeFileSync('/dev/shm/read', '')"]);
  const isCount = (line: LogLine) => 'dropped' in line;
  await expect.poll(async () => (await server.logLines()).some(isCount)).toBe(true);
  const lines = await server.logLines();
  const at = lines.findIndex(isCount);
  // All lines before the count were in the queue.
  const waited = lines
    .slice(0, at)
    .reduce((bytes, line) => bytes + Buffer.byteLength(JSON.stringify(line)) + 1, -PIPE_BYTES);
  measured(context, {
    line: LINE,
    what: `queue of the log ${how}, while it was blocked`,
    values: [waited / MIB],
    unit: 'MiB',
  });
  expect(waited / MIB).toBeLessThanOrEqual(1);
  // All missing lines are counted: each message has its own line, and there are a few others.
  const messages = (await server.numbers())['knock_messages_total{protocol="frames"}']!;
  expect(at + (lines[at]!['dropped'] as number)).toBeGreaterThanOrEqual(messages);
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});
