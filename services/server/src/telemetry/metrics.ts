/**
 * The numbers, for Prometheus. While clients are served nothing is counted here but how long handlers take: each
 * connection knows its own numbers, which are added up at its end, or when somebody asks.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';

import type { Admission } from '../net/admission.ts';
import { CLOSE_REASONS } from '../net/close-reason.ts';
import type { Connection } from '../net/connection.ts';
import type { ProtocolName } from '../protocols/detect.ts';

/** Numbers by label. */
class Counts extends Map<string, number> {
  add(label: string, number = 1): void {
    this.set(label, (this.get(label) ?? 0) + number);
  }

  /** As the values of one label. */
  by(label: string): [Record<string, string>, number][] {
    return Array.from(this, ([value, number]) => [{ [label]: value }, number]);
  }

  get sum(): number {
    return [...this.values()].reduce((sum, number) => sum + number, 0);
  }
}

const atZero = (label: string): [string, number] => [label, 0];

/** `none`: the connection ended before its first bytes told. */
const PROTOCOLS: readonly (ProtocolName | 'none')[] = ['none', 'frames', 'text', 'http', 'tls', 'unknown'];

/** Upper bounds in seconds, from a handler that only computes to one that is about to be given up. */
const HANDLER_LATENCY_BUCKETS = [0.0001, 0.001, 0.01, 0.1, 1, 10];

/** What all connections of some kind come to. */
class Totals {
  readonly messages = new Counts();
  readonly errorReplies = new Counts();
  readonly bytes = new Counts();

  add({ protocol, messages, errorReplies, bytesIn, bytesOut }: Connection): void {
    if (messages > 0) this.messages.add(protocol!, messages);
    for (const [code, number] of errorReplies) this.errorReplies.add(code, number);
    this.bytes.add('in', bytesIn);
    this.bytes.add('out', bytesOut);
  }

  addAll(others: Totals): void {
    for (const kind of ['messages', 'errorReplies', 'bytes'] as const) {
      for (const [label, number] of others[kind]) this[kind].add(label, number);
    }
  }
}

/** The numbers at a glance. */
export interface MetricsSummary {
  /** Connections that are open. */
  open: number;
  /** Connections that were accepted. */
  accepted: number;
  messages: number;
  bytes: { in: number; out: number };
  /** By code. */
  errorReplies: Record<string, number>;
  /** By close reason; those that never occurred are left out. */
  closes: Record<string, number>;
}

export class Metrics {
  /** The media type of {@link text}. */
  readonly contentType: string;
  readonly #admission: Admission;
  readonly #registry = new Registry();
  /** In seconds. */
  readonly handlerLatency = new Histogram({
    name: 'knock_handler_duration_seconds',
    help: 'Time from a message to its reply; of messages that are read together and answered at once, that of the first',
    buckets: HANDLER_LATENCY_BUCKETS,
    registers: [this.#registry],
  });
  readonly #ended = new Totals();
  readonly #accepted: () => number;
  /** Close reasons by protocol; all at zero from the start, since Prometheus does not see a first rise from nothing. */
  readonly #closed = new Map(PROTOCOLS.map((protocol) => [protocol, new Counts(CLOSE_REASONS.map(atZero))]));

  /** `accepted`: how many connections were accepted so far, whether they are served or not. */
  constructor(admission: Admission, accepted: () => number) {
    this.#admission = admission;
    this.#accepted = accepted;
    this.contentType = this.#registry.contentType;
    // What a connection speaks is known before it ends, and not before: so only what has ended has that label, and nothing falls.
    this.#show('knock_connections_accepted_total', 'Connections that were accepted', [], () => [
      [{}, this.#accepted()],
    ]);
    this.#show('knock_connections_closed_total', 'Connections that have ended', ['protocol', 'reason'], () =>
      [...this.#closed].flatMap(([protocol, reasons]) =>
        reasons
          .by('reason')
          .map(([reason, number]): [Record<string, string>, number] => [{ protocol, ...reason }, number]),
      ),
    );
    this.#show('knock_messages_total', 'Messages that were heard', ['protocol'], () =>
      this.#totals().messages.by('protocol'),
    );
    this.#show('knock_error_replies_total', 'Error replies that were said', ['code'], () =>
      this.#totals().errorReplies.by('code'),
    );
    this.#show('knock_bytes_total', 'Bytes that were read and written', ['direction'], () =>
      this.#totals().bytes.by('direction'),
    );
    this.#showOpen(admission);
  }

  /** A connection has ended. */
  countClosed(connection: Connection): void {
    this.#closed.get(connection.protocol ?? 'none')!.add(connection.closeReason!);
    this.#ended.add(connection);
  }

  /** All numbers, those of the process among them, in Prometheus' text format. */
  async text(): Promise<string> {
    return Registry.merge([this.#registry, processMetrics()]).metrics();
  }

  /** What people want to know first, counted anew. */
  summary(): MetricsSummary {
    const { messages, errorReplies, bytes } = this.#totals();
    const closes = new Counts();
    for (const reasons of this.#closed.values()) for (const [reason, number] of reasons) closes.add(reason, number);
    return {
      open: this.#admission.open,
      accepted: this.#accepted(),
      messages: messages.sum,
      bytes: { in: bytes.get('in') ?? 0, out: bytes.get('out') ?? 0 },
      errorReplies: Object.fromEntries(errorReplies),
      closes: Object.fromEntries([...closes].filter(([, number]) => number > 0)),
    };
  }

  #totals(): Totals {
    const totals = new Totals();
    totals.addAll(this.#ended);
    for (const connection of this.#admission.connections) totals.add(connection);
    return totals;
  }

  #showOpen(admission: Admission): void {
    const gauge = new Gauge({
      name: 'knock_connections',
      help: 'Connections that are open',
      labelNames: ['state'],
      registers: [this.#registry],
      collect: () => {
        gauge.set({ state: 'served' }, admission.served);
        gauge.set({ state: 'denied' }, admission.open - admission.served);
      },
    });
    const open = new Gauge({
      name: 'knock_connections_open',
      help: 'Connections that are open, by the protocol that they speak',
      labelNames: ['protocol'],
      registers: [this.#registry],
      collect: () => {
        open.reset();
        for (const { protocol = 'none' } of admission.connections) open.inc({ protocol });
      },
    });
  }

  /** A counter whose values are asked for when somebody looks. */
  #show(name: string, help: string, labelNames: string[], values: () => [Record<string, string>, number][]): void {
    const counter = new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [labels, number] of values()) counter.inc(labels, number);
      },
    });
  }
}

/** Left out of the library's own: Prometheus' rules do not allow such names. The delay of the loop, and what is active by type, stay. */
const INVALID_NAMES = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
];

let processRegistry: Registry | undefined;

/** Memory, descriptors, timers and the delay of the loop, from the first time that somebody asks: watching them has a cost. */
function processMetrics(): Registry {
  if (processRegistry === undefined) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
    for (const name of INVALID_NAMES) processRegistry.removeSingleMetric(name);
  }
  return processRegistry;
}
