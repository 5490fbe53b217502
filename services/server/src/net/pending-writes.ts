/**
 * Connections with replies to write, until the end of this turn of the event loop: then all are written, one after the other.
 *
 * The first write wakes the process of a client, and the others find it awake, as do those of other clients of its machine.
 * A wake-up costs more than all that we do for a message. (Redis does the same, before it waits for events.)
 */
import type { Connection } from './connection.ts';

/** A handler that computes for long must not hold the replies of others: the wait is this long, and one handler's time, in ms. */
const MAX_WAIT_MS = 1;
/** Each holds the memory in which its replies are gathered. */
const MAX_CONNECTIONS = 64;

export class PendingWrites {
  #connections: Connection[] = [];
  /** Of the first one, on the clock of `performance.now()`. */
  #addedAt = 0;

  /** At the end of this turn, or before, `connection` is told that it ends. */
  add(connection: Connection): void {
    const now = performance.now();
    if (this.#connections.push(connection) === 1) {
      this.#addedAt = now;
      // After what waits in the kernel was read.
      setImmediate(this.#writeAll);
    }
    if (this.#connections.length >= MAX_CONNECTIONS || now - this.#addedAt >= MAX_WAIT_MS) this.#writeAll();
  }

  readonly #writeAll = () => {
    const connections = this.#connections;
    this.#connections = [];
    for (const connection of connections) connection.onTurnEnd();
  };
}
