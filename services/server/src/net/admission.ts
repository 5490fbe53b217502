/** Who comes in: clients above the limit, and clients of a server that leaves, are not served, but they are told so. */
import type { Connection } from './connection.ts';

/** Why a client is not served. */
export interface Denial {
  reason: 'busy' | 'drained' | 'tls_error';
  /** The code of its error reply, where it is not told goaway. */
  code: 'busy' | 'tls';
  detail: string;
}

/** How many clients above the limit are told so at once. */
const MAX_ABOVE_LIMIT = 32;
/** How many more are let in from this very machine, so that its health check is heard; any others are closed without a word. */
const MAX_LOCAL_ABOVE_LIMIT = 16;
/** How long a client is looked at, to tell it in its own protocol. */
const REJECT_TIMEOUT_MS = 1500;

export const LEAVING: Denial = {
  reason: 'drained',
  code: 'busy',
  detail: 'the server is leaving: try again, another one may answer',
};

export class Admission {
  readonly #maxConnections: number;
  readonly #served = new Set<Connection>();
  readonly #denied = new Map<Connection, Denial>();
  /** Those of {@link #denied} that are here only because they come from this machine. */
  readonly #local = new Set<Connection>();
  #closed = false;

  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections;
  }

  /** Every connection that is open, those that are turned away among them. */
  get connections(): Connection[] {
    return [...this.#served, ...this.#denied.keys()];
  }

  /** How many connections are open. */
  get open(): number {
    return this.#served.size + this.#denied.size;
  }

  /** How many are served. */
  get served(): number {
    return this.#served.size;
  }

  /** Whether a new client would be served; the one who asks takes no place. */
  isReady(asker?: Connection): boolean {
    const others = this.#served.size - (asker && this.#served.has(asker) ? 1 : 0);
    return !this.#closed && others < this.#maxConnections;
  }

  /** Takes a new client in, or turns it away: then it may be ending already. */
  admit(connection: Connection): void {
    if (this.isReady()) this.#served.add(connection);
    else if (this.#closed) this.#deny(connection, LEAVING);
    else {
      const detail = `the server serves ${this.#maxConnections} clients, its limit: try again soon`;
      this.#deny(connection, { reason: 'busy', code: 'busy', detail });
    }
  }

  /** From now on whoever comes is told that the server leaves. */
  close(): void {
    this.#closed = true;
  }

  /** From now on only this client is served. The others are returned, since they have to be let go. */
  closeExcept(chosen: Connection): Connection[] {
    this.close();
    const others = [...this.#served].filter((connection) => connection !== chosen);
    for (const connection of others) {
      this.#served.delete(connection);
      this.#deny(connection, LEAVING);
    }
    return others;
  }

  /** Why this client is not served; undefined: it is. */
  denialFor(connection: Connection): Denial | undefined {
    return this.#denied.get(connection);
  }

  onClosed(connection: Connection): void {
    this.#served.delete(connection);
    this.#denied.delete(connection);
    this.#local.delete(connection);
  }

  #deny(connection: Connection, denial: Denial): void {
    this.#denied.set(connection, denial);
    if (!this.#hasPlaceAboveLimit(connection)) {
      connection.destroy(denial.reason);
      return;
    }
    const { reason, detail } = denial;
    const timer = setTimeout(() => connection.deny(reason, detail), REJECT_TIMEOUT_MS);
    connection.socket.once('close', () => clearTimeout(timer));
  }

  /** Behind a proxy on this machine every client is local, so these are bounded as well. */
  #hasPlaceAboveLimit(connection: Connection): boolean {
    if (this.open - this.#local.size <= this.#maxConnections + MAX_ABOVE_LIMIT) return true;
    if (!connection.isLocal || this.#local.size >= MAX_LOCAL_ABOVE_LIMIT) return false;
    this.#local.add(connection);
    return true;
  }
}
