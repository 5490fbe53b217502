/**
 * What there is to see, for whoever watches: ten times a second at most, as totals and a bounded sample. While nobody
 * watches nothing is gathered, and a watcher that does not read is cut off instead of being waited for.
 */
import type { Connection } from './connection.ts';
import type { Overview } from './metrics.ts';
import { type ClientNews, Onlooker } from './onlooker.ts';

/** What a watcher may leave unread, in bytes. */
const MOST_UNREAD_BYTES = 65_536;

/** Where one watcher's updates go. */
export interface Outlet {
  write: (text: string) => void;
  /** What the watcher has not read yet, in bytes, as far as Node knows. */
  readonly bufferedBytes: number;
  /** Ends the connection of a watcher that does not read. */
  cutOff: () => void;
  /** A fault in our own code ends the connection. */
  fail: (fault: unknown) => void;
}

export interface WatchOptions {
  /** The name of this server. */
  server: string;
  /** Every connection that is open. */
  connections: () => Iterable<Connection>;
  overview: () => Overview;
}

/** What a watcher is sent, as the JSON of a Server-Sent Event. */
export interface Update {
  /** The name of the server that speaks. */
  server: string;
  totals: Overview;
  /** The connections of which there is news, each once. */
  clients: ClientNews[];
  /** A watcher's first: all that is known stands in it. */
  whole?: true;
  /** The last one: the server leaves. */
  leaving?: true;
}

interface Watcher {
  outlet: Outlet;
  /** The address whose clients are looked at byte by byte. */
  follows: string | undefined;
}

const INTERVAL_MS = 100;
/** An update is followed by a rest this many times as long as it took: watching costs a fiftieth at the most. */
const REST = 50;
/** Longer rests would come of a machine that stood still during an update, not of the update. */
const LONGEST_REST_MS = 5000;
/** How many connections are told of one by one. */
const MAX_SHOWN = 128;
const MAX_WATCHERS = 32;
/** So that a watcher that has gone is noticed, though nothing happens. */
const SIGN_OF_LIFE_MS = 5000;

export class Watch {
  readonly #options: WatchOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #shown = new Map<Connection, Onlooker>();
  /** What some watcher follows. */
  #followed: ReadonlySet<string | undefined> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #sentAt = 0;
  #lastCounts = '';

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Whether there are as many watchers as are borne. */
  get isFull(): boolean {
    return this.#watchers.size >= MAX_WATCHERS;
  }

  /** `follows`: an address whose clients' bytes are wanted as well. Returns what to call when the watcher has gone. */
  join(outlet: Outlet, follows: string | undefined): () => void {
    const watcher = { outlet, follows };
    this.#watchers.add(watcher);
    this.#follow();
    this.#fill();
    const clients = Array.from(this.#shown.values(), (onlooker) => onlooker.all()).filter((news) => news !== undefined);
    outlet.write(sse({ ...this.#update(clients), whole: true }));
    if (this.#timer === undefined) this.#schedule(INTERVAL_MS);
    return () => this.#part(watcher);
  }

  /** A connection was accepted. */
  opened(connection: Connection): void {
    if (this.#watchers.size > 0 && this.#shown.size < MAX_SHOWN) this.#show(connection);
  }

  /** A connection has ended. */
  closed(connection: Connection): void {
    this.#shown.get(connection)?.end();
  }

  /** The server leaves, and says so before its watchers are let go. */
  leave(): void {
    if (this.#watchers.size > 0) this.#send(sse({ ...this.#update(this.#news()), leaving: true }));
  }

  #part(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    this.#follow();
    if (this.#watchers.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const onlooker of this.#shown.values()) onlooker.leave();
    this.#shown.clear();
  }

  #follow(): void {
    this.#followed = new Set(Array.from(this.#watchers, ({ follows }) => follows));
    for (const [{ address }, onlooker] of this.#shown) onlooker.follow(this.#followed.has(address));
  }

  #show(connection: Connection): void {
    const onlooker = new Onlooker(connection);
    this.#shown.set(connection, onlooker);
    onlooker.follow(this.#followed.has(connection.address));
  }

  /** Others take the places of those who have gone. */
  #fill(): void {
    for (const connection of this.#options.connections()) {
      if (this.#shown.size >= MAX_SHOWN) return;
      if (!this.#shown.has(connection)) this.#show(connection);
    }
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => this.#tick(), ms);
  }

  #tick(): void {
    try {
      this.#look();
    } catch (fault) {
      this.#timer = undefined;
      for (const { outlet } of this.#watchers) outlet.fail(fault);
    }
  }

  /** Tells the watchers what has happened, and looks again after a while. */
  #look(): void {
    const began = performance.now();
    const clients = this.#news();
    this.#fill();
    const update = this.#update(clients);
    // Bytes alone are no news: each update makes some itself.
    const counts = JSON.stringify({ ...update.totals, bytes: undefined });
    if (clients.length > 0 || counts !== this.#lastCounts) this.#send(sse(update));
    else if (began - this.#sentAt > SIGN_OF_LIFE_MS) this.#send(': nothing new\n\n');
    this.#lastCounts = counts;
    const rest = REST * (performance.now() - began);
    this.#schedule(Math.min(Math.max(INTERVAL_MS, rest), LONGEST_REST_MS));
  }

  #news(): ClientNews[] {
    const clients = [];
    for (const [connection, onlooker] of this.#shown) {
      const news = onlooker.news();
      if (news !== undefined) clients.push(news);
      if (onlooker.isOver) this.#shown.delete(connection);
    }
    return clients;
  }

  #update(clients: ClientNews[]): Update {
    return { server: this.#options.server, totals: this.#options.overview(), clients };
  }

  #send(text: string): void {
    this.#sentAt = performance.now();
    for (const { outlet } of this.#watchers) {
      // What would be buffered for it grows with every update.
      if (outlet.bufferedBytes > MOST_UNREAD_BYTES) outlet.cutOff();
      else outlet.write(text);
    }
  }
}

/** One event of a stream of them (WHATWG HTML, section 9.2.5). JSON has no line ends of its own. */
function sse(update: Update): string {
  return `data: ${JSON.stringify(update)}\n\n`;
}
