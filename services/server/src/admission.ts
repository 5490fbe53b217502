/** Who comes in: callers above the limit, and callers of a server that leaves, are not served, but they are told so. */
import type { Connection } from './connection.ts';

/** Why a caller is not served. */
export interface TurnedAway {
  reason: 'busy' | 'drained' | 'tls';
  /** The code of its refusal, where it is not told goaway. */
  code: 'busy' | 'tls';
  sentence: string;
}

/** How many callers above the limit are told so at once. */
const MAX_ABOVE_LIMIT = 32;
/** How many more are let in from this very machine, so that its health check is heard; any others are closed without a word. */
const MAX_LOCAL_ABOVE_LIMIT = 16;
/** How long a caller is looked at, to tell it in its own language. */
const LOOK_MS = 1500;

const LEAVING: TurnedAway = {
  reason: 'drained',
  code: 'busy',
  sentence: 'the server is leaving: try again, another one may answer',
};

export class Admission {
  readonly #maxConnections: number;
  readonly #inside = new Set<Connection>();
  readonly #turnedAway = new Map<Connection, TurnedAway>();
  /** Those of {@link #turnedAway} that are here only because they come from this machine. */
  readonly #local = new Set<Connection>();
  #closed = false;

  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections;
  }

  /** Every connection that is open, those that are turned away among them. */
  get connections(): Connection[] {
    return [...this.#inside, ...this.#turnedAway.keys()];
  }

  /** How many connections are open. */
  get open(): number {
    return this.#inside.size + this.#turnedAway.size;
  }

  /** How many are served. */
  get served(): number {
    return this.#inside.size;
  }

  /** Whether a new caller would be served; the one who asks takes no place. */
  isReady(asker?: Connection): boolean {
    const others = this.#inside.size - (asker && this.#inside.has(asker) ? 1 : 0);
    return !this.#closed && others < this.#maxConnections;
  }

  /** Takes a new caller in, or turns it away: then it may be ending already. */
  admit(connection: Connection): void {
    if (this.isReady()) this.#inside.add(connection);
    else if (this.#closed) this.#turnAway(connection, LEAVING);
    else {
      const sentence = `the server serves ${this.#maxConnections} callers, its limit: try again soon`;
      this.#turnAway(connection, { reason: 'busy', code: 'busy', sentence });
    }
  }

  /** From now on whoever comes is told that the server leaves. */
  close(): void {
    this.#closed = true;
  }

  /** From now on only this caller is served. The others are returned, since they have to be let go. */
  closeBehind(chosen: Connection): Connection[] {
    this.close();
    const others = [...this.#inside].filter((connection) => connection !== chosen);
    for (const connection of others) {
      this.#inside.delete(connection);
      this.#turnAway(connection, LEAVING);
    }
    return others;
  }

  /** Why this caller is not served; undefined: it is. */
  whyNot(connection: Connection): TurnedAway | undefined {
    return this.#turnedAway.get(connection);
  }

  forget(connection: Connection): void {
    this.#inside.delete(connection);
    this.#turnedAway.delete(connection);
    this.#local.delete(connection);
  }

  #turnAway(connection: Connection, turnedAway: TurnedAway): void {
    this.#turnedAway.set(connection, turnedAway);
    if (!this.#hasPlaceAboveLimit(connection)) {
      connection.destroy(turnedAway.reason);
      return;
    }
    const { reason, code, sentence } = turnedAway;
    const timer = setTimeout(() => connection.owner?.leave(reason, `${code}: ${sentence}`), LOOK_MS);
    connection.socket.once('close', () => clearTimeout(timer));
  }

  /** Behind a proxy on this machine every caller is local, so these are bounded as well. */
  #hasPlaceAboveLimit(connection: Connection): boolean {
    if (this.open - this.#local.size <= this.#maxConnections + MAX_ABOVE_LIMIT) return true;
    if (!connection.isLocal || this.#local.size >= MAX_LOCAL_ABOVE_LIMIT) return false;
    this.#local.add(connection);
    return true;
  }
}
