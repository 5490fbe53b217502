/**
 * What there is to see, for whoever watches: ten times a second at most, as totals and a bounded sample. While nobody
 * watches nothing is gathered, and a viewer that does not read is cut off instead of being waited for.
 */
import type { EventSink } from '../http/event-stream.ts';
import type { Connection } from '../net/connection.ts';
import type { MetricsSummary } from '../telemetry/metrics.ts';
import { type ConnectionUpdate, ConnectionSampler } from './connection-sampler.ts';

/** What a viewer may leave unread, in bytes. */
const MAX_BUFFERED_BYTES = 65_536;

export interface LiveFeedOptions {
  /** The name of this server. */
  server: string;
  /** Every connection that is open. */
  connections: () => Iterable<Connection>;
  summary: () => MetricsSummary;
}

/** What a viewer is sent, as the JSON of a Server-Sent Event. */
export interface FeedUpdate {
  /** The name of the server that speaks. */
  server: string;
  totals: MetricsSummary;
  /** The connections of which there is news, each once. */
  connections: ConnectionUpdate[];
  /** A viewer's first: all that is known stands in it. */
  snapshot?: true;
  /** The last one: the server leaves. */
  leaving?: true;
}

interface Viewer {
  sink: EventSink;
  /** The address whose clients are looked at byte by byte. */
  follows: string | undefined;
}

const INTERVAL_MS = 100;
/** An update is followed by a rest this many times as long as it took: watching costs a fiftieth at the most. */
const COOLDOWN_FACTOR = 50;
/** Longer rests would come of a machine that stood still during an update, not of the update. */
const MAX_COOLDOWN_MS = 5000;
/** How many connections are told of one by one. */
const MAX_SHOWN = 128;
const MAX_VIEWERS = 32;
/** So that a viewer that has gone is noticed, though nothing happens. */
const HEARTBEAT_MS = 5000;

export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #viewers = new Set<Viewer>();
  readonly #samplers = new Map<Connection, ConnectionSampler>();
  /** What some viewer follows. */
  #followed: ReadonlySet<string | undefined> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #sentAt = 0;
  #lastCounts = '';

  constructor(options: LiveFeedOptions) {
    this.#options = options;
  }

  /** Whether there are as many viewers as are borne. */
  get isFull(): boolean {
    return this.#viewers.size >= MAX_VIEWERS;
  }

  /** `follows`: an address whose clients' bytes are wanted as well. Returns what to call when the viewer has gone. */
  subscribe(sink: EventSink, follows: string | undefined): () => void {
    const viewer = { sink, follows };
    this.#viewers.add(viewer);
    this.#follow();
    this.#fill();
    const clients = Array.from(this.#samplers.values(), (sampler) => sampler.snapshot()).filter(
      (news) => news !== undefined,
    );
    sink.write(sse({ ...this.#update(clients), snapshot: true }));
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

  /** The server leaves, and says so before its viewers are let go. */
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
    for (const [{ address }, sampler] of this.#samplers) sampler.follow(this.#followed.has(address));
  }

  #show(connection: Connection): void {
    const sampler = new ConnectionSampler(connection);
    this.#samplers.set(connection, sampler);
    sampler.follow(this.#followed.has(connection.address));
  }

  /** Others take the places of those who have gone. */
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

  /** Tells the viewers what has happened, and looks again after a while. */
  #publish(): void {
    const began = performance.now();
    const clients = this.#takeUpdates();
    this.#fill();
    const update = this.#update(clients);
    // Bytes alone are no news: each update makes some itself.
    const counts = JSON.stringify({ ...update.totals, bytes: undefined });
    if (clients.length > 0 || counts !== this.#lastCounts) this.#send(sse(update));
    else if (began - this.#sentAt > HEARTBEAT_MS) this.#send(': nothing new\n\n');
    this.#lastCounts = counts;
    const rest = COOLDOWN_FACTOR * (performance.now() - began);
    this.#schedule(Math.min(Math.max(INTERVAL_MS, rest), MAX_COOLDOWN_MS));
  }

  #takeUpdates(): ConnectionUpdate[] {
    const clients = [];
    for (const [connection, sampler] of this.#samplers) {
      const news = sampler.takeUpdate();
      if (news !== undefined) clients.push(news);
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
      // What would be buffered for it grows with every update.
      if (sink.bufferedBytes > MAX_BUFFERED_BYTES) sink.cutOff();
      else sink.write(text);
    }
  }
}

/** One event of a stream of them (WHATWG HTML, section 9.2.5). JSON has no line ends of its own. */
function sse(update: FeedUpdate): string {
  return `data: ${JSON.stringify(update)}\n\n`;
}
