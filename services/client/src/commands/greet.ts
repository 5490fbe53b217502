/** The command `greet`: sends a greeting every `INTERVAL_MS`, each on a new connection, as the article's client does once. */
import { setTimeout as sleep } from 'node:timers/promises';

import { excerpt } from '@knock/shared/log/excerpt';
import type { Logger } from '@knock/shared/log/log';
import { nameOf } from '@knock/shared/replica-names';

import { Client } from '../delivery/client.ts';
import type { SendResult } from '../delivery/delivery.ts';
import { formatOutcome, OutcomeCounts, type Outcome } from '../delivery/outcome.ts';
import type { ClientSettings } from '../settings.ts';

export interface GreetOptions {
  settings: ClientSettings;
  /** This client's name. */
  name: string;
  logger: Logger;
  /** Aborts to stop the command: a greeting in flight gets another 500 ms. */
  signal: AbortSignal;
}

const LAST_GREETING_MS = 500;

/** Resolves with the outcomes after `COUNT` greetings, or after `signal`. */
export async function greet({ settings, name, logger, signal }: GreetOptions): Promise<OutcomeCounts> {
  const counts = new OutcomeCounts();
  const client = new Client(settings, logger);
  signal.addEventListener('abort', () => {
    setTimeout(() => client.stop('this client was stopped'), LAST_GREETING_MS).unref();
  });
  let nextAt = performance.now();
  for (let n = 1; !signal.aborted && (settings.COUNT === 0 || n <= settings.COUNT); n += 1) {
    const message = settings.MESSAGE.replaceAll(/\{(?:client|n)\}/g, (word) => (word === '{n}' ? String(n) : name));
    const delivery = await client.send(message, { idempotent: true });
    client.close();
    counts.add(delivery.outcome);
    await logDelivery(logger, name, message, delivery);
    nextAt = nextBeat(nextAt, settings.INTERVAL_MS);
    if (n !== settings.COUNT) await pause(nextAt - performance.now(), signal);
  }
  logger.info({ outcomes: counts.counts }, `${name} is done: ${counts.summary}`);
  return counts;
}

/** Logs one line per message: client, server, message and outcome. */
async function logDelivery(logger: Logger, name: string, message: string, delivery: SendResult): Promise<void> {
  const { outcome, attempts, address } = delivery;
  const server = address === undefined ? 'no server' : await nameOf(address);
  const ms = Math.round(delivery.ms);
  const text = excerpt(message);
  const fields = { server, address, message: text, outcome: outcome.kind, ...details(outcome), attempts, ms };
  const tries = attempts > 1 ? `, ${attempts} attempts` : '';
  const line = `${name} → ${server}: "${text}" ← ${formatOutcome(outcome)} (${ms} ms${tries})`;
  if (outcome.kind === 'replied') logger.info(fields, line);
  else logger.warn(fields, line);
}

function details(outcome: Outcome): Record<string, string> {
  if (outcome.kind === 'replied') return { reply: excerpt(outcome.reply) };
  if (outcome.kind === 'rejected') return { code: excerpt(outcome.code), detail: excerpt(outcome.detail) };
  return { why: outcome.why };
}

/** The next multiple of the interval: a slow reply skips beats, and missed greetings are not made up for. */
function nextBeat(last: number, intervalMs: number): number {
  const now = performance.now();
  if (intervalMs === 0) return now;
  return last + Math.max(1, Math.ceil((now - last) / intervalMs)) * intervalMs;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
}
