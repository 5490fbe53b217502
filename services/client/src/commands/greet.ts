/** Greets the server again and again, on a new connection each time, as the article's client does once. */
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
  /** The name of this client. */
  name: string;
  logger: Logger;
  /** Aborts when the program is told to stop: the greeting on its way has half a second more. */
  signal: AbortSignal;
}

const LAST_GREETING_MS = 500;

/** Resolves with the outcomes, after `COUNT` greetings or when it was told to stop. */
export async function greet({ settings, name, logger, signal }: GreetOptions): Promise<OutcomeCounts> {
  const counts = new OutcomeCounts();
  const client = new Client(settings, logger);
  signal.addEventListener('abort', () => {
    setTimeout(() => client.stop('this client was told to stop'), LAST_GREETING_MS).unref();
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

/** One line for each message: who said what to whom, and what became of it. */
async function logDelivery(logger: Logger, name: string, message: string, delivery: SendResult): Promise<void> {
  const { outcome, attempts, address } = delivery;
  const server = address === undefined ? 'nobody' : await nameOf(address);
  const ms = Math.round(delivery.ms);
  const said = excerpt(message);
  const fields = { server, address, message: said, outcome: outcome.kind, ...details(outcome), attempts, ms };
  const tries = attempts > 1 ? `, ${attempts} attempts` : '';
  const sentence = `${name} → ${server}: "${said}" ← ${formatOutcome(outcome)} (${ms} ms${tries})`;
  if (outcome.kind === 'replied') logger.info(fields, sentence);
  else logger.warn(fields, sentence);
}

function details(outcome: Outcome): Record<string, string> {
  if (outcome.kind === 'replied') return { reply: excerpt(outcome.reply) };
  if (outcome.kind === 'rejected') return { code: excerpt(outcome.code), sentence: excerpt(outcome.detail) };
  return { why: outcome.why };
}

/** The first beat that is not over: greetings keep their rhythm, and those that were missed are not made up for. */
function nextBeat(last: number, intervalMs: number): number {
  const now = performance.now();
  if (intervalMs === 0) return now;
  return last + Math.max(1, Math.ceil((now - last) / intervalMs)) * intervalMs;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
}
