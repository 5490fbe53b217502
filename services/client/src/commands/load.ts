/** A load for a server: many connections, each with some messages unanswered at any time, and how long each took. */
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
  /** How many messages are unanswered on each connection. */
  depth: number;
  seconds: number;
  logger: Logger;
  /** Told each second how many replies have come, and how much of the time is over. */
  progress: (replies: number, seconds: number) => void;
  /** Aborts when the program is told to stop: the report is of what there was until then. */
  signal: AbortSignal;
}

/** Connections are opened so many at a time, with a pause in between: that is 400 a second at most. */
const OPENED_AT_ONCE = 20;
const PAUSE_MS = 50;

const PERCENTILES = [50, 90, 99, 99.9];

/** Resolves when the time is over, or with what there was when it was told to stop. */
export async function load(options: LoadOptions): Promise<LoadReport> {
  const { settings, connections, depth, seconds, logger, progress, signal } = options;
  const measured = new Measured();
  const clients = await openAll(settings, connections, logger, signal);
  signal.addEventListener('abort', () => clients.forEach((client) => client.stop('this client was told to stop')));
  const start = performance.now();
  const over = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
  const ticking = setInterval(
    () => progress(measured.outcomes.counts.replied, (performance.now() - start) / 1000),
    1000,
  );
  const askUntilOver = async (client: Client) => {
    while (!over.aborted) measured.add(await client.send(settings.MESSAGE));
  };
  await Promise.all(clients.flatMap((client) => Array.from({ length: depth }, () => askUntilOver(client))));
  clearInterval(ticking);
  const lasted = (performance.now() - start) / 1000;
  for (const client of clients) client.close();
  const { counts: outcomes, exitCode } = measured.outcomes;
  const { lastWithoutReply } = measured;
  const latencies = measured.latencies();
  return { connections, depth, seconds: lasted, outcomes: outcomes, latencies, lastWithoutReply, exitCode };
}

/** Each has said one message when this resolves: what is measured is an open connection. */
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
  /** How many latencies there are in each class, by its upper bound in milliseconds. */
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

/** 1, 2 or 5 times a power of ten, the smallest that is not below. */
function upperBound(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(ms));
  const factor = [1, 2, 5].find((step) => ms <= step * power) ?? 10;
  return Number((factor * power).toPrecision(1));
}
