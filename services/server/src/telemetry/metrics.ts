/**
 * The server's metrics, for Prometheus. Only the handler's latency is measured while clients are served: the stats of
 * connections are added up when they end, or when somebody asks.
 */
import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';

import type { Admission } from '../net/admission.ts';
import { CLOSE_REASONS } from '../net/close-reason.ts';
import type { Connection } from '../net/connection.ts';
import { PROTOCOL_NAMES } from '../protocols/detect.ts';
import { ConnectionTotals, Counts } from './connection-totals.ts';
import { processMetrics } from './process-metrics.ts';
import { addBuildInfo } from './version.ts';

const atZero = (label: string): [string, number] => [label, 0];

/** `none`: the connection ended before its protocol was detected. */
const PROTOCOLS = ['none', ...PROTOCOL_NAMES] as const;

/** Upper bounds in seconds, from a handler that only computes to one that is about to time out. */
const HANDLER_LATENCY_BUCKETS = [0.0001, 0.001, 0.01, 0.1, 1, 10];

/** For the live page. */
export interface MetricsSummary {
  /** Open connections. */
  open: number;
  /** Connections accepted so far. */
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
    help: 'Time from a message to its reply; where messages are read together and answered at once, the first one',
    buckets: HANDLER_LATENCY_BUCKETS,
    registers: [this.#registry],
  });
  readonly #ended = new ConnectionTotals();
  readonly #accepted: () => number;
  /** Close reasons by protocol, at zero from the start: Prometheus cannot see a counter rise that begins to exist at 1. */
  readonly #closed = new Map(PROTOCOLS.map((protocol) => [protocol, new Counts(CLOSE_REASONS.map(atZero))]));

  /** `accepted`: connections accepted so far, served or not. */
  constructor(admission: Admission, accepted: () => number) {
    this.#admission = admission;
    this.#accepted = accepted;
    this.contentType = this.#registry.contentType;
    addBuildInfo(this.#registry);
    // No label: a connection's protocol is detected after it is accepted, and no counter may fall when it gets one.
    this.#show('knock_connections_accepted_total', 'Connections accepted', [], () => [[{}, this.#accepted()]]);
    this.#show('knock_connections_closed_total', 'Connections ended', ['protocol', 'reason'], () =>
      [...this.#closed].flatMap(([protocol, reasons]) =>
        reasons
          .by('reason')
          .map(([reason, number]): [Record<string, string>, number] => [{ protocol, ...reason }, number]),
      ),
    );
    this.#show('knock_messages_total', 'Messages received', ['protocol'], () => this.#totals().messages.by('protocol'));
    this.#show('knock_error_replies_total', 'Error replies sent', ['code'], () =>
      this.#totals().errorReplies.by('code'),
    );
    this.#show('knock_bytes_total', 'Bytes read and written', ['direction'], () =>
      this.#totals().bytes.by('direction'),
    );
    this.#showOpen(admission);
  }

  countClosed(connection: Connection): void {
    this.#closed.get(connection.protocol ?? 'none')!.add(connection.closeReason!);
    this.#ended.add(connection);
  }

  /** All metrics, those of the process included, in Prometheus' text format. */
  async text(): Promise<string> {
    return Registry.merge([this.#registry, processMetrics()]).metrics();
  }

  /** What people want to know first, as of now. */
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

  #totals(): ConnectionTotals {
    const totals = new ConnectionTotals();
    totals.addAll(this.#ended);
    for (const connection of this.#admission.connections) totals.add(connection);
    return totals;
  }

  #showOpen(admission: Admission): void {
    const gauge = new Gauge({
      name: 'knock_connections',
      help: 'Open connections',
      labelNames: ['state'],
      registers: [this.#registry],
      collect: () => {
        gauge.set({ state: 'served' }, admission.served);
        gauge.set({ state: 'denied' }, admission.open - admission.served);
      },
    });
    const open = new Gauge({
      name: 'knock_connections_open',
      help: 'Open connections by protocol',
      labelNames: ['protocol'],
      registers: [this.#registry],
      collect: () => {
        open.reset();
        for (const { protocol = 'none' } of admission.connections) open.inc({ protocol });
      },
    });
  }

  /** A counter whose values are computed when it is scraped. */
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
