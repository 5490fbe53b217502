/** How many connections each address holds: with a limit, no single client can take every place. */
import type { Connection } from './connection.ts';

export class AddressLimit {
  readonly #max: number;
  readonly #holders = new Map<string, Set<Connection>>();

  /** `max`: connections of one address; 0: no limit. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts the connection; returns false if its address already holds as many as it may. */
  take(connection: Connection): boolean {
    if (this.#max === 0) return true;
    const { address } = connection.peer;
    const holders = this.#holders.get(address) ?? new Set();
    if (holders.size >= this.#max) return false;
    this.#holders.set(address, holders.add(connection));
    return true;
  }

  release(connection: Connection): void {
    const { address } = connection.peer;
    const holders = this.#holders.get(address);
    if (holders?.delete(connection) && holders.size === 0) this.#holders.delete(address);
  }
}
