/**
 * A timeout that lets the reads of this turn happen before it fires.
 *
 * Node runs timers before it reads what waits in the kernel. After a long turn, or when a paused container resumes, a timer
 * would disconnect a client whose bytes arrived in time but were not read yet. So an expired deadline waits for one
 * `setImmediate`, which runs after the reads, and fires only if it was not stopped by then.
 *
 * Reads restart it often, so a restart only moves the end: the old timer fires early, and is then set for the time left.
 * (A new timer for each read made the server 6 % slower where each read is one message.)
 */
export class Deadline<Reason extends string> {
  readonly #onExpired: (reason: Reason) => void;
  #reason: Reason | undefined;
  /** By `performance.now()`. */
  #endsAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerEndsAt = Infinity;
  #immediate: NodeJS.Immediate | undefined;

  /** `onExpired` gets the reason for which the deadline was started. */
  constructor(onExpired: (reason: Reason) => void) {
    this.#onExpired = onExpired;
  }

  /** Why it runs; undefined: it does not run. */
  get reason(): Reason | undefined {
    return this.#reason;
  }

  /** Starts or restarts it, from now. `ms`: milliseconds. */
  start(reason: Reason, ms: number): void {
    if (this.#immediate) this.stop();
    this.#reason = reason;
    this.#endsAt = performance.now() + ms;
    if (this.#timerEndsAt > this.#endsAt) this.#setTimer(ms);
  }

  stop(): void {
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    clearTimeout(this.#timer);
    this.#timerEndsAt = Infinity;
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }

  #setTimer(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(Deadline.#check, ms, this);
    this.#timerEndsAt = this.#endsAt;
  }

  // Static: closures would cost memory for every connection.
  static #check<Reason extends string>(this: void, deadline: Deadline<Reason>): void {
    deadline.#timerEndsAt = Infinity;
    // Node's timers may fire a millisecond early.
    const left = deadline.#endsAt - performance.now();
    if (left > 1) deadline.#setTimer(left);
    else deadline.#immediate = setImmediate(Deadline.#expire, deadline);
  }

  static #expire<Reason extends string>(this: void, deadline: Deadline<Reason>): void {
    const reason = deadline.#reason!;
    deadline.#immediate = undefined;
    deadline.#reason = undefined;
    deadline.#onExpired(reason);
  }
}
