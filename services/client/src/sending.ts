/** One message on its way: what its attempts have come to so far, until it has its one verdict. */
import type { Answer } from './connection.ts';
import type { Verdict } from './verdict.ts';

/** A verdict, and how it came about. */
export interface Delivery {
  verdict: Verdict;
  /** How many times the message was written. */
  attempts: number;
  /** The address of the server that was asked last. */
  address: string | undefined;
  ms: number;
}

export interface SendingOptions {
  message: string;
  deadlineMs: number;
  repeatable: boolean;
  /** Told the verdict, once. */
  deliver: (delivery: Delivery) => void;
}

/** How often a message may be left without an answer before it is given up. */
const MAX_UNKNOWN = 3;
/** Another try needs this much time, or it would only turn a clear verdict into an unclear one. */
const LEAST_TIME_MS = 20;

export class Sending {
  readonly message: string;
  readonly startedAt = performance.now();
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  /** The address of the server that was asked last. */
  address: string | undefined;
  readonly #repeatable: boolean;
  readonly #deliver: (delivery: Delivery) => void;
  #attempts = 0;
  #unknown = 0;
  #verdict: Verdict | undefined;

  constructor({ message, deadlineMs, repeatable, deliver }: SendingOptions) {
    this.message = message;
    this.deadline = this.startedAt + deadlineMs;
    this.#repeatable = repeatable;
    this.#deliver = deliver;
  }

  /** Counts what an attempt came to. */
  add({ verdict, written }: Answer): void {
    if (written) this.#attempts += 1;
    if (verdict.kind === 'unknown') this.#unknown += 1;
    this.#verdict = together(this.#verdict, verdict);
  }

  /** Whether another attempt is allowed after one that came to `kind`: certainly not handled, or it may be handled twice. */
  mayTryAgain(kind: Verdict['kind']): boolean {
    const allowed = kind === 'not_sent' || (this.#repeatable && this.#unknown < MAX_UNKNOWN);
    return allowed && this.deadline - performance.now() > LEAST_TIME_MS;
  }

  /** There is no further attempt: what all came to is the verdict. */
  deliver(): void {
    const ms = performance.now() - this.startedAt;
    this.#deliver({ verdict: this.#verdict!, attempts: this.#attempts, address: this.address, ms });
  }
}

/**
 * What all attempts come to: after one that may have been handled, only a reply makes it certain that it was; that a later
 * one was refused or not sent says nothing of the first.
 */
function together(earlier: Verdict | undefined, latest: Verdict): Verdict {
  return earlier?.kind === 'unknown' && latest.kind !== 'replied' ? earlier : latest;
}
