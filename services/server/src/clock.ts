/**
 * A clock that lets the reads of this turn happen before it acts.
 *
 * Node runs timers before it reads what waits in the kernel. After a long turn, or when a paused container goes on, a
 * timer would throw out a caller whose bytes arrived in time and just were not read yet; so a clock that has run out
 * waits for one `setImmediate`, which comes after the reads, and acts only if nobody has stopped it by then.
 */
export class Clock<Reason extends string> {
  readonly #act: (reason: Reason) => void;
  #reason: Reason | undefined;
  #timer: NodeJS.Timeout | undefined;
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
    this.stop();
    this.#reason = reason;
    this.#timer = setTimeout(this.#runOut, ms);
  }

  stop(): void {
    this.#reason = undefined;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  readonly #runOut = () => {
    this.#immediate = setImmediate(() => {
      const reason = this.#reason!;
      this.#reason = undefined;
      this.#act(reason);
    });
  };
}
