/** Load shedding: above the connection limit, and in a drain, new clients get an error in their own protocol. */
import type { ServerSettings } from '../settings.ts';
import { AddressLimit } from './address-limit.ts';
import type { Connection } from './connection.ts';

/** Why a client is not served. */
export interface Denial {
  reason: 'busy' | 'drained' | 'tls_error' | 'proxy_error';
  /** The code of its error reply, unless it gets a goaway. */
  code: 'busy' | 'tls' | 'bad_frame';
  detail: string;
}

/** How many clients above the limit get an error at the same time. */
const MAX_ABOVE_LIMIT = 32;
/** How many more are accepted from this machine, for its health checks. The rest are closed without an error. */
const MAX_LOCAL_ABOVE_LIMIT = 16;
/** How long a denied client has to show its protocol, so that its error is in that protocol. */
const REJECT_TIMEOUT_MS = 1500;

export const SHUTTING_DOWN: Denial = {
  reason: 'drained',
  code: 'busy',
  detail: 'the server is shutting down: try again, another one may answer',
};

type AdmissionSettings = Pick<ServerSettings, 'MAX_CONNECTIONS' | 'MAX_CONNECTIONS_PER_ADDRESS'>;

export class Admission {
  readonly #maxConnections: number;
  readonly #addressLimit: AddressLimit;
  readonly #addressDenial: Denial;
  readonly #served = new Set<Connection>();
  readonly #denied = new Map<Connection, Denial>();
  /** Those of {@link #denied} that were accepted only because they are local. */
  readonly #local = new Set<Connection>();
  #closed = false;

  constructor({ MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS }: AdmissionSettings) {
    this.#maxConnections = MAX_CONNECTIONS;
    this.#addressLimit = new AddressLimit(MAX_CONNECTIONS_PER_ADDRESS);
    const limit = `limit of ${MAX_CONNECTIONS_PER_ADDRESS} connections from one address reached (MAX_CONNECTIONS_PER_ADDRESS)`;
    this.#addressDenial = { reason: 'busy', code: 'busy', detail: `${limit}: close one, then try again` };
  }

  /** All open connections, denied ones included. */
  get connections(): Connection[] {
    return [...this.#served, ...this.#denied.keys()];
  }

  /** How many connections are open. */
  get open(): number {
    return this.#served.size + this.#denied.size;
  }

  /** How many connections are served. */
  get served(): number {
    return this.#served.size;
  }

  /** Whether a new client would be served; `asker` itself does not count. */
  isReady(asker?: Connection): boolean {
    const others = this.#served.size - (asker && this.#served.has(asker) ? 1 : 0);
    return !this.#closed && others < this.#maxConnections;
  }

  /** Serves or denies a new client. A denied one may be ending already. */
  admit(connection: Connection): void {
    if (this.isReady()) this.#served.add(connection);
    else if (this.#closed) this.#deny(connection, SHUTTING_DOWN);
    else {
      const detail = `connection limit of ${this.#maxConnections} reached (MAX_CONNECTIONS): try again soon`;
      this.#deny(connection, { reason: 'busy', code: 'busy', detail });
    }
  }

  /** Once the client's address is known, which may be later than {@link admit}: denies it if that address has too many. */
  admitAddress(connection: Connection): void {
    if (!this.#served.has(connection) || this.#addressLimit.take(connection)) return;
    this.#served.delete(connection);
    this.#deny(connection, this.#addressDenial);
  }

  /** From now on every new client is denied: the server is shutting down. */
  close(): void {
    this.#closed = true;
  }

  /** From now on only this client is served. Returns the others, which have to be shut down. */
  closeExcept(chosen: Connection): Connection[] {
    this.close();
    const others = [...this.#served].filter((connection) => connection !== chosen);
    for (const connection of others) {
      this.#served.delete(connection);
      this.#deny(connection, SHUTTING_DOWN);
    }
    return others;
  }

  /** Why this client is not served; undefined: it is served. */
  denialFor(connection: Connection): Denial | undefined {
    return this.#denied.get(connection);
  }

  onClosed(connection: Connection): void {
    this.#addressLimit.release(connection);
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

  /** Local clients are bounded too: behind a proxy on this machine every client is local. */
  #hasPlaceAboveLimit(connection: Connection): boolean {
    if (this.open - this.#local.size <= this.#maxConnections + MAX_ABOVE_LIMIT) return true;
    if (!connection.peer.isLocal || this.#local.size >= MAX_LOCAL_ABOVE_LIMIT) return false;
    this.#local.add(connection);
    return true;
  }
}
