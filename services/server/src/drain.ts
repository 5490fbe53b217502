/** Graceful shutdown: the server answers every complete message, then closes. `ACCEPT=once` uses it to serve one client. */
import type { Server as Listener } from 'node:net';

import type { Logger } from '@knock/shared/log/log';

import type { Admission, Denial } from './net/admission.ts';
import type { Connection } from './net/connection.ts';
import type { ServerSettings } from './settings.ts';

/** New clients are accepted, and denied, for at least this long; each has as long to send its first byte. */
export const MIN_DRAIN_MS = 200;

/** Once nobody is served: how long the listener waits for a turn of the event loop that brings no connection. */
const MAX_QUEUE_MS = 1000;

export interface DrainOptions {
  listener: Listener;
  admission: Admission;
  settings: Pick<ServerSettings, 'ACCEPT' | 'DRAIN_TIMEOUT_MS'>;
  logger: Logger;
  /** How many connections have been accepted so far. */
  accepted: () => number;
}

export class Drain {
  /** Resolves when nothing listens and the last connection has ended. */
  readonly ended: Promise<void>;
  readonly #options: DrainOptions;
  #onEnded!: () => void;
  #draining = false;
  /** The one client that `ACCEPT=once` serves. */
  #chosen: Connection | undefined;
  /** `MIN_DRAIN_MS` have passed. */
  #minimumOver = false;
  #waitingForTurn = false;
  #queueTimeout: NodeJS.Timeout | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#onEnded = resolve));
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Readiness turns false, sessions answer their complete messages and end, and new clients are denied. */
  begin(): void {
    if (this.#draining) return;
    this.#draining = true;
    const { admission, settings } = this.#options;
    admission.close();
    for (const connection of admission.connections) connection.shutdown();
    setTimeout(() => this.#endMinimum(), MIN_DRAIN_MS);
    setTimeout(() => this.#cutOff(), settings.DRAIN_TIMEOUT_MS).unref();
  }

  /** `ACCEPT=once`: the first client that sends a message is served to its end; from then on all others are denied. */
  onFirstMessage(connection: Connection): Denial | undefined {
    const { settings, admission } = this.#options;
    if (settings.ACCEPT === 'forever') return undefined;
    if (!this.#chosen) {
      this.#chosen = connection;
      this.#stopListening();
      for (const other of admission.closeExcept(connection)) other.shutdown();
    }
    return admission.denialFor(connection);
  }

  onClosed(): void {
    this.#stopListeningIfIdle();
    this.#endIfOver();
  }

  #endMinimum(): void {
    this.#minimumOver = true;
    const { admission, logger } = this.#options;
    const { served: connections } = admission;
    const waiting = `draining: waiting for ${connections} ${connections === 1 ? 'connection' : 'connections'}`;
    if (connections > 0) logger.info({ connections }, waiting);
    this.#stopListeningIfIdle();
  }

  /** `DRAIN_TIMEOUT_MS` has passed: closes every connection and the listener. */
  #cutOff(): void {
    this.#stopListening();
    for (const connection of this.#options.admission.connections) connection.destroy('drain_timeout');
  }

  /**
   * Closing the listener resets the connections in the accept queue, and their clients cannot know whether a message was
   * handled. So the listener closes only when nobody is served and the queue is empty. Node accepts one connection in each
   * turn of its event loop: a turn without one means an empty queue. A client that connects between that turn and the close,
   * some tenths of a millisecond, is still reset: no system call stops accepting and keeps the queue. Clients that back off
   * after a goaway make that rare. Under a flood of connections the listener closes after one second.
   */
  #stopListeningIfIdle(): void {
    const { listener, admission, accepted } = this.#options;
    if (!listener.listening || this.#waitingForTurn || !this.#minimumOver || admission.served > 0) return;
    this.#waitingForTurn = true;
    this.#queueTimeout ??= setTimeout(() => this.#stopListening(), MAX_QUEUE_MS).unref();
    const before = accepted();
    const check = () => {
      this.#waitingForTurn = false;
      if (accepted() === before) this.#stopListening();
      else this.#stopListeningIfIdle();
    };
    // The second `setImmediate` runs after a whole turn.
    setImmediate(() => setImmediate(check));
  }

  #stopListening(): void {
    clearTimeout(this.#queueTimeout);
    if (this.#options.listener.listening) this.#options.listener.close();
    this.#endIfOver();
  }

  #endIfOver(): void {
    const { listener, admission } = this.#options;
    if (!listener.listening && admission.open === 0) this.#onEnded();
  }
}
