/** Greets the server again and again, on a new connection each time, as the article's client does once. */
import { setTimeout as sleep } from 'node:timers/promises';

import { excerpt } from '@knock/shared/log/excerpt';
import type { Logger } from '@knock/shared/log/log';
import { nameOf } from '@knock/shared/replica-names';

import { Client } from './client.ts';
import type { Delivery } from './sending.ts';
import type { ClientSettings } from './settings.ts';
import { inWords, Tally, type Verdict } from './verdict.ts';

export interface GreetOptions {
  settings: ClientSettings;
  /** The name of this client. */
  name: string;
  logger: Logger;
  /** Aborts when the program is told to stop: the greeting on its way has half a second more. */
  signal: AbortSignal;
}

const LAST_GREETING_MS = 500;

/** Resolves with the verdicts, after `COUNT` greetings or when it was told to stop. */
export async function greet({ settings, name, logger, signal }: GreetOptions): Promise<Tally> {
  const tally = new Tally();
  const client = new Client(settings, logger);
  signal.addEventListener('abort', () => {
    setTimeout(() => client.stop('this client was told to stop'), LAST_GREETING_MS).unref();
  });
  let nextAt = performance.now();
  for (let n = 1; !signal.aborted && (settings.COUNT === 0 || n <= settings.COUNT); n += 1) {
    const message = settings.MESSAGE.replaceAll(/\{(?:client|n)\}/g, (word) => (word === '{n}' ? String(n) : name));
    const delivery = await client.send(message, { repeatable: true });
    client.hangUp();
    tally.add(delivery.verdict);
    await logDelivery(logger, name, message, delivery);
    nextAt = nextBeat(nextAt, settings.INTERVAL_MS);
    if (n !== settings.COUNT) await pause(nextAt - performance.now(), signal);
  }
  logger.info({ verdicts: tally.counts }, `${name} is done: ${tally.summary}`);
  return tally;
}

/** One line for each message: who said what to whom, and what became of it. */
async function logDelivery(logger: Logger, name: string, message: string, delivery: Delivery): Promise<void> {
  const { verdict, attempts, address } = delivery;
  const server = address === undefined ? 'nobody' : await nameOf(address);
  const ms = Math.round(delivery.ms);
  const said = excerpt(message);
  const fields = { server, address, message: said, verdict: verdict.kind, ...details(verdict), attempts, ms };
  const tries = attempts > 1 ? `, ${attempts} attempts` : '';
  const sentence = `${name} → ${server}: "${said}" ← ${inWords(verdict)} (${ms} ms${tries})`;
  if (verdict.kind === 'replied') logger.info(fields, sentence);
  else logger.warn(fields, sentence);
}

function details(verdict: Verdict): Record<string, string> {
  if (verdict.kind === 'replied') return { reply: excerpt(verdict.reply) };
  if (verdict.kind === 'refused') return { code: excerpt(verdict.code), sentence: excerpt(verdict.sentence) };
  return { why: verdict.why };
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
