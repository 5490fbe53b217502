/**
 * A clock that lets the reads of this turn happen before it acts.
 *
 * Node runs timers before it reads what waits in the kernel. After a long turn, or when a paused container goes on, a
 * timer would throw out a client whose bytes arrived in time and just were not read yet; so a clock that has run out
 * waits for one `setImmediate`, which comes after the reads, and acts only if nobody has stopped it by then.
 *
 * To start it again while it runs is cheap, since that happens at each read: the timer is left to come too early, and is set
 * anew for the rest of the time then. (To set one at each read made the server 6 % slower where each read is one message.)
 */
export class Clock<Reason extends string> {
  readonly #act: (reason: Reason) => void;
  #reason: Reason | undefined;
  /** On the clock of `performance.now()`. */
  #endsAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerEndsAt = Infinity;
  #immediate: NodeJS.Immediate | undefined;

  /** `act` is given the reason for which the clock was started. */
  constructor(act: (reason: Reason) => void) {
    this.#act = act;
  }

  /** What the clock is running for. */
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
    this.#timer = setTimeout(Clock.#look, ms, this);
    this.#timerEndsAt = this.#endsAt;
  }

  // Not methods of each clock's own, which every connection would have to keep.
  static #look<Reason extends string>(this: void, clock: Clock<Reason>): void {
    clock.#timerEndsAt = Infinity;
    // Node's timers may come a millisecond early.
    const left = clock.#endsAt - performance.now();
    if (left > 1) clock.#setTimer(left);
    else clock.#immediate = setImmediate(Clock.#runOut, clock);
  }

  static #runOut<Reason extends string>(this: void, clock: Clock<Reason>): void {
    const reason = clock.#reason!;
    clock.#immediate = undefined;
    clock.#reason = undefined;
    clock.#act(reason);
  }
}
