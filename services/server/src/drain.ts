/** Graceful shutdown: how a server stops without losing a message, and how it serves one client alone (`ACCEPT=once`). */
import type { Server as Listener } from 'node:net';

import type { Logger } from '@knock/shared/log/log';

import type { Admission } from './net/admission.ts';
import type { Connection } from './net/connection.ts';
import type { ServerSettings } from './settings.ts';

/** How long newcomers are still accepted at least, and how long each may take to speak. */
export const MIN_DRAIN_MS = 200;

/** How long a listener that serves nobody any more waits for a turn of the loop in which nobody connects. */
const MAX_QUEUE_MS = 1000;

export interface DrainOptions {
  listener: Listener;
  admission: Admission;
  settings: Pick<ServerSettings, 'DRAIN_TIMEOUT_MS'>;
  logger: Logger;
  /** How many connections were accepted so far. */
  accepted: () => number;
}

export class Drain {
  /** Resolves when nothing listens and the last connection has ended. */
  readonly ended: Promise<void>;
  readonly #options: DrainOptions;
  #onEnded!: () => void;
  #draining = false;
  /** Newcomers had their 200 ms. */
  #minimumOver = false;
  /** A turn of the loop is being waited for in which nobody connects. */
  #waitingForTurn = false;
  #queueTimeout: NodeJS.Timeout | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#onEnded = resolve));
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Readiness turns false, every session answers what has come and ends, and newcomers are denied. */
  begin(): void {
    if (this.#draining) return;
    this.#draining = true;
    const { admission, settings } = this.#options;
    admission.close();
    this.#log(admission.open, 'open');
    for (const connection of admission.connections) connection.shutdown();
    setTimeout(() => this.#endMinimum(), MIN_DRAIN_MS);
    setTimeout(() => this.#cutOff(), settings.DRAIN_TIMEOUT_MS).unref();
  }

  /** `ACCEPT=once`: this client is served to its end, and from now on nobody else is. */
  serveOnly(chosen: Connection): void {
    this.#stopListening();
    for (const other of this.#options.admission.closeExcept(chosen)) other.shutdown();
  }

  onClosed(): void {
    this.#stopListeningIfIdle();
    this.#endIfOver();
  }

  #endMinimum(): void {
    this.#minimumOver = true;
    const { served } = this.#options.admission;
    if (served > 0) this.#log(served, 'still being served');
    this.#stopListeningIfIdle();
  }

  /** The time is over for those that are served, and for those that still come. */
  #cutOff(): void {
    this.#stopListening();
    for (const connection of this.#options.admission.connections) connection.destroy('drain_timeout');
  }

  /**
   * Closing the listener resets the connections in the accept queue, which Node has not yet seen: their clients have sent, and
   * cannot know whether it was handled. So it is closed when nobody is served any more and the queue is empty: Node accepts
   * one connection in each turn of its loop, so a turn without one shows it. A client that connects between that turn and
   * the close, some tenths of a millisecond, is reset all the same: no system call stops accepting and keeps the queue. So it
   * helps that a client pauses after a goaway. In a flood the listener is closed after a second, whoever waits.
   */
  #stopListeningIfIdle(): void {
    const { listener, admission, accepted } = this.#options;
    if (!listener.listening || this.#waitingForTurn || !this.#minimumOver || admission.served > 0) return;
    this.#waitingForTurn = true;
    this.#queueTimeout ??= setTimeout(() => this.#stopListening(), MAX_QUEUE_MS).unref();
    const before = accepted();
    const look = () => {
      this.#waitingForTurn = false;
      if (accepted() === before) this.#stopListening();
      else this.#stopListeningIfIdle();
    };
    // The second one comes behind a whole turn.
    setImmediate(() => setImmediate(look));
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

  #log(connections: number, state: string): void {
    const verb = connections === 1 ? 'connection is' : 'connections are';
    this.#options.logger.info({ connections }, `draining: ${connections} ${verb} ${state}`);
  }
}
