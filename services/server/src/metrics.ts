/**
 * The numbers, for Prometheus. While callers are served nothing is counted here: each connection knows its own numbers,
 * which are added up at its end, or when somebody asks.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from '@prometheus-io/client';

import type { Admission } from './admission.ts';
import { CLOSE_REASONS } from './close-reason.ts';
import type { Connection } from './connection.ts';

/** Numbers by label. */
class Counts extends Map<string, number> {
  add(label: string, number = 1): void {
    this.set(label, (this.get(label) ?? 0) + number);
  }
}

/** What all connections of some kind come to. */
class Totals {
  readonly messages = new Counts();
  readonly refusals = new Counts();
  readonly bytes = new Counts();

  add({ language, messages, refusals, bytesIn, bytesOut }: Connection): void {
    if (messages > 0) this.messages.add(language!, messages);
    for (const [code, number] of refusals) this.refusals.add(code, number);
    this.bytes.add('in', bytesIn);
    this.bytes.add('out', bytesOut);
  }

  addAll(others: Totals): void {
    for (const kind of ['messages', 'refusals', 'bytes'] as const) {
      for (const [label, number] of others[kind]) this[kind].add(label, number);
    }
  }
}

export class Metrics {
  /** The media type of {@link text}. */
  readonly contentType: string;
  readonly #admission: Admission;
  readonly #registry = new Registry();
  readonly #ended = new Totals();
  readonly #reasons = new Counts(CLOSE_REASONS.map((reason) => [reason, 0]));

  constructor(admission: Admission) {
    this.#admission = admission;
    this.contentType = this.#registry.contentType;
    this.#show('knock_connections_closed_total', 'Connections that have ended', 'reason', () => this.#reasons);
    this.#show('knock_messages_total', 'Messages that were heard', 'language', () => this.#totals().messages);
    this.#show('knock_refusals_total', 'Refusals that were said', 'code', () => this.#totals().refusals);
    this.#show('knock_bytes_total', 'Bytes that were read and written', 'direction', () => this.#totals().bytes);
    const place = new Gauge({
      name: 'knock_connections',
      help: 'Connections that are open',
      labelNames: ['place'],
      registers: [this.#registry],
      collect: () => {
        place.set({ place: 'served' }, admission.served);
        place.set({ place: 'turned_away' }, admission.open - admission.served);
      },
    });
  }

  /** Counts a connection that has ended. */
  count(connection: Connection): void {
    this.#reasons.add(connection.closeReason!);
    this.#ended.add(connection);
  }

  /** All numbers, those of the process among them, in Prometheus' text format. */
  async text(): Promise<string> {
    return Registry.merge([this.#registry, processNumbers()]).metrics();
  }

  #totals(): Totals {
    const totals = new Totals();
    totals.addAll(this.#ended);
    for (const connection of this.#admission.connections) totals.add(connection);
    return totals;
  }

  /** A number for each label, asked for when somebody looks. */
  #show(name: string, help: string, label: string, counts: () => Counts): void {
    const counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [value, number] of counts()) counter.inc({ [label]: value }, number);
      },
    });
  }
}

let ofProcess: Registry | undefined;

/** Memory, descriptors, timers and the delay of the loop, from the first time that somebody asks: watching them has a cost. */
function processNumbers(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}
