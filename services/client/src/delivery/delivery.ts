/** One message on its way: what its attempts have come to so far, until it has its one outcome. */
import type { AttemptResult } from '../net/pending-requests.ts';
import type { Outcome } from './outcome.ts';

/** An outcome, and how it came about. */
export interface SendResult {
  outcome: Outcome;
  /** How many times the message was written. */
  attempts: number;
  /** The address of the server that was asked last. */
  address: string | undefined;
  ms: number;
}

export interface DeliveryOptions {
  message: string;
  deadlineMs: number;
  idempotent: boolean;
  /** Told the outcome, once. */
  onSettled: (delivery: SendResult) => void;
}

/** How often a message may be left without an answer before it is given up. */
const MAX_UNKNOWN = 3;
/** Another try needs this much time, or it would only turn a clear outcome into an unclear one. */
const MIN_RETRY_MS = 20;

export class Delivery {
  readonly message: string;
  readonly startedAt = performance.now();
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  /** The address of the server that was asked last. */
  address: string | undefined;
  readonly #idempotent: boolean;
  readonly #onSettled: (delivery: SendResult) => void;
  #attempts = 0;
  #unknown = 0;
  #outcome: Outcome | undefined;

  constructor({ message, deadlineMs, idempotent, onSettled }: DeliveryOptions) {
    this.message = message;
    this.deadline = this.startedAt + deadlineMs;
    this.#idempotent = idempotent;
    this.#onSettled = onSettled;
  }

  /** Counts what an attempt came to. */
  recordAttempt({ outcome, written }: AttemptResult): void {
    if (written) this.#attempts += 1;
    if (outcome.kind === 'unknown') this.#unknown += 1;
    this.#outcome = combineOutcomes(this.#outcome, outcome);
  }

  /** Whether another attempt is allowed after one that came to `kind`: certainly not handled, or it may be handled twice. */
  mayRetry(kind: Outcome['kind']): boolean {
    const allowed = kind === 'not_handled' || (this.#idempotent && this.#unknown < MAX_UNKNOWN);
    return allowed && this.deadline - performance.now() > MIN_RETRY_MS;
  }

  /** There is no further attempt: what all came to is the outcome. */
  settle(): void {
    const ms = performance.now() - this.startedAt;
    this.#onSettled({ outcome: this.#outcome!, attempts: this.#attempts, address: this.address, ms });
  }
}

/**
 * What all attempts come to: after one that may have been handled, only a reply makes it certain that it was; that a later
 * one was `rejected` or `not_handled` says nothing of the first.
 */
function combineOutcomes(earlier: Outcome | undefined, latest: Outcome): Outcome {
  return earlier?.kind === 'unknown' && latest.kind !== 'replied' ? earlier : latest;
}
