/**
 * The feed of the live page: totals and a bounded sample of connections, at most ten times a second. Without viewers it
 * collects nothing. Slow viewers are disconnected.
 */
import type { EventSink } from '../http/event-stream.ts';
import type { Connection } from '../net/connection.ts';
import type { MetricsSummary } from '../telemetry/metrics.ts';
import { type ConnectionUpdate, ConnectionSampler } from './connection-sampler.ts';

/** How much a viewer may leave unread, in bytes. */
const MAX_BUFFERED_BYTES = 65_536;

export interface LiveFeedOptions {
  /** The name of this server. */
  server: string;
  /** All open connections. */
  connections: () => Iterable<Connection>;
  summary: () => MetricsSummary;
}

/** The JSON of one Server-Sent Event. */
export interface FeedUpdate {
  /** The name of this server. */
  server: string;
  totals: MetricsSummary;
  /** The connections that have changed, each once. */
  connections: ConnectionUpdate[];
  /** A viewer's first update, with all connections. */
  snapshot?: true;
  /** The last update: the server is shutting down. */
  leaving?: true;
}

interface Viewer {
  sink: EventSink;
  /** The address of the clients whose bytes this viewer wants. */
  follows: string | undefined;
}

const INTERVAL_MS = 100;
/** After an update the feed pauses this many times as long as the update took: viewers cost at most 2 % of the CPU. */
const COOLDOWN_FACTOR = 50;
/** A longer pause would mean that the machine stood still during an update. */
const MAX_COOLDOWN_MS = 5000;
/** How many connections are sampled. */
const MAX_SHOWN = 128;
const MAX_VIEWERS = 32;
/** An idle feed writes this often, to notice viewers that are gone. */
const HEARTBEAT_MS = 5000;

export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #viewers = new Set<Viewer>();
  readonly #samplers = new Map<Connection, ConnectionSampler>();
  /** All addresses that viewers follow. */
  #followed: ReadonlySet<string | undefined> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #sentAt = 0;
  #lastCounts = '';

  constructor(options: LiveFeedOptions) {
    this.#options = options;
  }

  /** Whether all `MAX_VIEWERS` slots are in use. */
  get isFull(): boolean {
    return this.#viewers.size >= MAX_VIEWERS;
  }

  /** `follows`: an address whose clients' bytes the viewer wants too. Returns the unsubscribe function. */
  subscribe(sink: EventSink, follows: string | undefined): () => void {
    const viewer = { sink, follows };
    this.#viewers.add(viewer);
    this.#follow();
    this.#fill();
    const snapshots = Array.from(this.#samplers.values(), (sampler) => sampler.snapshot());
    sink.write(sse({ ...this.#update(snapshots.filter((one) => one !== undefined)), snapshot: true }));
    if (this.#timer === undefined) this.#schedule(INTERVAL_MS);
    return () => this.#unsubscribe(viewer);
  }

  /** A connection was accepted. */
  onOpened(connection: Connection): void {
    if (this.#viewers.size > 0 && this.#samplers.size < MAX_SHOWN) this.#show(connection);
  }

  /** A connection has ended. */
  onClosed(connection: Connection): void {
    this.#samplers.get(connection)?.end();
  }

  /** Sends viewers the last update; the drain closes their streams. */
  announceShutdown(): void {
    if (this.#viewers.size > 0) this.#send(sse({ ...this.#update(this.#takeUpdates()), leaving: true }));
  }

  #unsubscribe(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    this.#follow();
    if (this.#viewers.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const sampler of this.#samplers.values()) sampler.detach();
    this.#samplers.clear();
  }

  #follow(): void {
    this.#followed = new Set(Array.from(this.#viewers, ({ follows }) => follows));
    for (const [{ peer }, sampler] of this.#samplers) sampler.follow(this.#followed.has(peer.address));
  }

  #show(connection: Connection): void {
    const sampler = new ConnectionSampler(connection);
    this.#samplers.set(connection, sampler);
    sampler.follow(this.#followed.has(connection.peer.address));
  }

  /** Fills free places in the sample with open connections. */
  #fill(): void {
    for (const connection of this.#options.connections()) {
      if (this.#samplers.size >= MAX_SHOWN) return;
      if (!this.#samplers.has(connection)) this.#show(connection);
    }
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => this.#tick(), ms);
  }

  #tick(): void {
    try {
      this.#publish();
    } catch (fault) {
      this.#timer = undefined;
      for (const { sink } of this.#viewers) sink.fail(fault);
    }
  }

  /** Sends one update and schedules the next. */
  #publish(): void {
    const began = performance.now();
    const clients = this.#takeUpdates();
    this.#fill();
    const update = this.#update(clients);
    // Bytes alone are no change: the feed itself causes some.
    const counts = JSON.stringify({ ...update.totals, bytes: undefined });
    if (clients.length > 0 || counts !== this.#lastCounts) this.#send(sse(update));
    else if (began - this.#sentAt > HEARTBEAT_MS) this.#send(': nothing new\n\n');
    this.#lastCounts = counts;
    const cooldown = COOLDOWN_FACTOR * (performance.now() - began);
    this.#schedule(Math.min(Math.max(INTERVAL_MS, cooldown), MAX_COOLDOWN_MS));
  }

  #takeUpdates(): ConnectionUpdate[] {
    const clients = [];
    for (const [connection, sampler] of this.#samplers) {
      const update = sampler.takeUpdate();
      if (update !== undefined) clients.push(update);
      if (sampler.hasEnded) this.#samplers.delete(connection);
    }
    return clients;
  }

  #update(clients: ConnectionUpdate[]): FeedUpdate {
    return { server: this.#options.server, totals: this.#options.summary(), connections: clients };
  }

  #send(text: string): void {
    this.#sentAt = performance.now();
    for (const { sink } of this.#viewers) {
      if (sink.bufferedBytes > MAX_BUFFERED_BYTES) sink.cutOff();
      else sink.write(text);
    }
  }
}

/** One event of a stream (WHATWG HTML, section 9.2.5). JSON has no raw line ends. */
function sse(update: FeedUpdate): string {
  return `data: ${JSON.stringify(update)}\n\n`;
}
