/**
 * Batches writes: replies wait until the end of this turn of the event loop, then all connections write, one after the other.
 *
 * The first write wakes up the client's process; the writes that follow find it awake. A wake-up costs more CPU than
 * everything that the server does for a message. (Redis does the same in `beforeSleep`.)
 */
import type { Connection } from './connection.ts';

/** The longest wait, in ms, plus the time of one handler: slow handlers must not delay other clients' replies. */
const MAX_WAIT_MS = 1;
/** Each one that waits holds a write buffer. */
const MAX_CONNECTIONS = 64;

export class PendingWrites {
  #connections: Connection[] = [];
  /** When the first one was added, by `performance.now()`. */
  #addedAt = 0;

  /** Calls `connection.onTurnEnd()` at the end of this turn, or earlier. */
  add(connection: Connection): void {
    const now = performance.now();
    if (this.#connections.push(connection) === 1) {
      this.#addedAt = now;
      // Runs after the reads of this turn.
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
