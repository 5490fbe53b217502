/**
 * A deadline that lets the reads of this turn happen before it acts.
 *
 * Node runs timers before it reads what waits in the kernel. After a long turn, or when a paused container goes on, a
 * timer would throw out a client whose bytes arrived in time and just were not read yet; so a deadline that has run out
 * waits for one `setImmediate`, which comes after the reads, and acts only if nobody has stopped it by then.
 *
 * To start it again while it runs is cheap, since that happens at each read: the timer is left to come too early, and is set
 * anew for the rest of the time then. (To set one at each read made the server 6 % slower where each read is one message.)
 */
export class Deadline<Reason extends string> {
  readonly #onExpired: (reason: Reason) => void;
  #reason: Reason | undefined;
  /** on the clock of `performance.now()`. */
  #endsAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerEndsAt = Infinity;
  #immediate: NodeJS.Immediate | undefined;

  /** `act` is given the reason for which the deadline was started. */
  constructor(onExpired: (reason: Reason) => void) {
    this.#onExpired = onExpired;
  }

  /** What the deadline is running for. */
  get reason(): Reason | undefined {
    return this.#reason;
  }

  /** Starts from now, whatever ran before. `ms`: milliseconds. */
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

  // Not methods of each deadline's own, which every connection would have to keep.
  static #check<Reason extends string>(this: void, deadline: Deadline<Reason>): void {
    deadline.#timerEndsAt = Infinity;
    // Node's timers may come a millisecond early.
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
