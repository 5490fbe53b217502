/**
 * Disconnects slow readers: clients whose kernel takes no byte for `WRITE_TIMEOUT_MS`.
 *
 * It is the socket's own timeout, in ticks. Node calls a write stalled only if the kernel took nothing of it during a whole
 * tick, which no timer of ours could see. Reads restart the socket's timeout as well, so nothing may be read while it runs.
 */
import type { Socket } from 'node:net';

/** With 40 ticks a slow reader is disconnected at most a fortieth of the timeout late. */
const TICKS = 40;
const MIN_TICK_MS = 100;

export class WriteTimeout {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #tickMs: number;
  readonly #onExpired: () => void;
  /** Since when the client has taken nothing, as far as we know, in the time of `performance.now()`. */
  #idleSince = 0;
  #tickStartedAt = 0;

  constructor(socket: Socket, timeoutMs: number, onExpired: () => void) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#tickMs = Math.max(MIN_TICK_MS, Math.ceil(timeoutMs / TICKS));
    this.#onExpired = onExpired;
    socket.on('timeout', () => this.#onTick());
  }

  /** Starts from now; each byte that the client's kernel takes starts it again. */
  start(): void {
    this.#idleSince = performance.now();
    this.#startTick();
  }

  clear(): void {
    this.#socket.setTimeout(0);
  }

  #startTick(): void {
    this.#tickStartedAt = performance.now();
    this.#socket.setTimeout(this.#tickMs);
  }

  /**
   * When the kernel took something, Node starts the tick again by itself, so this one comes late. A late tick also means
   * that the container was paused, when nobody could read: restart the count.
   */
  #onTick(): void {
    const now = performance.now();
    // Measured, since small delays of all ticks would add up.
    if (now - this.#tickStartedAt > 1.9 * this.#tickMs) this.#idleSince = now - this.#tickMs;
    // Timers may fire a millisecond early.
    if (now - this.#idleSince >= this.#timeoutMs - 2) this.#onExpired();
    else this.#startTick();
  }
}
