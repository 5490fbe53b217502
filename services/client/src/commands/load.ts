/** The command `load`: keeps `depth` messages in flight on each of many connections, and measures throughput and latency. */
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from '@knock/shared/log/log';

import { Client } from '../delivery/client.ts';
import type { SendResult } from '../delivery/delivery.ts';
import { formatOutcome, OutcomeCounts } from '../delivery/outcome.ts';
import type { ClientSettings } from '../settings.ts';
import type { Latencies, LoadReport } from './load-report.ts';

export interface LoadOptions {
  settings: ClientSettings;
  connections: number;
  /** Messages in flight on each connection. */
  depth: number;
  seconds: number;
  logger: Logger;
  /** Called once a second with the replies so far and the seconds elapsed. */
  progress: (replies: number, seconds: number) => void;
  /** Aborts to stop early: the report covers the time until then. */
  signal: AbortSignal;
}

/** Connections are opened in batches with a pause in between: at most 400 a second. */
const OPENED_AT_ONCE = 20;
const PAUSE_MS = 50;

const PERCENTILES = [50, 90, 99, 99.9];

/** Resolves with the report after `seconds`, or early after `signal`. */
export async function load(options: LoadOptions): Promise<LoadReport> {
  const { settings, connections, depth, seconds, logger, progress, signal } = options;
  const measured = new Measured();
  const clients = await openAll(settings, connections, logger, signal);
  signal.addEventListener('abort', () => clients.forEach((client) => client.stop('this client was stopped')));
  const start = performance.now();
  const over = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
  const ticking = setInterval(
    () => progress(measured.outcomes.counts.replied, (performance.now() - start) / 1000),
    1000,
  );
  const sendUntilOver = async (client: Client) => {
    while (!over.aborted) measured.add(await client.send(settings.MESSAGE));
  };
  await Promise.all(clients.flatMap((client) => Array.from({ length: depth }, () => sendUntilOver(client))));
  clearInterval(ticking);
  const elapsed = (performance.now() - start) / 1000;
  for (const client of clients) client.close();
  const { counts: outcomes, exitCode } = measured.outcomes;
  const { lastWithoutReply } = measured;
  const latencies = measured.latencies();
  return { connections, depth, seconds: elapsed, outcomes, latencies, lastWithoutReply, exitCode };
}

/** Sends one message on each before this resolves, so that only open connections are measured. */
async function openAll(
  settings: ClientSettings,
  count: number,
  logger: Logger,
  signal: AbortSignal,
): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count && !signal.aborted) {
    const opened = Array.from(
      { length: Math.min(OPENED_AT_ONCE, count - clients.length) },
      () => new Client(settings, logger, { pipelines: true }),
    );
    await Promise.all(opened.map((client) => client.send(settings.MESSAGE)));
    clients.push(...opened);
    await sleep(PAUSE_MS);
  }
  return clients;
}

class Measured {
  readonly outcomes = new OutcomeCounts();
  lastWithoutReply: string | undefined;
  /** Of replies, in microseconds. */
  readonly #latencies = createHistogram();
  /** The count of each class, by its upper bound in milliseconds. */
  readonly #classes = new Map<number, number>();

  add({ outcome, ms }: SendResult): void {
    this.outcomes.add(outcome);
    if (outcome.kind !== 'replied') {
      this.lastWithoutReply = formatOutcome(outcome);
      return;
    }
    this.#latencies.record(Math.max(1, Math.round(ms * 1000)));
    const bound = upperBound(ms);
    this.#classes.set(bound, (this.#classes.get(bound) ?? 0) + 1);
  }

  latencies(): Latencies {
    const percentiles = Object.fromEntries(
      PERCENTILES.map((share) => [`p${share}`, this.#latencies.percentile(share) / 1000]),
    );
    const classes = [...this.#classes].sort(([one], [other]) => one - other);
    return {
      percentiles,
      highest: this.#latencies.max / 1000,
      classes: classes.map(([below, count]) => ({ below, count })),
    };
  }
}

/** The smallest 1, 2 or 5 times a power of ten that is not below `ms`. */
function upperBound(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(ms));
  const factor = [1, 2, 5].find((step) => ms <= step * power) ?? 10;
  return Number((factor * power).toPrecision(1));
}
