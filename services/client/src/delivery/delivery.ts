/** One message and its attempts, until it has its outcome. After an unknown outcome only an idempotent message is retried. */
import type { AttemptResult } from '../net/pending-requests.ts';
import type { Outcome } from './outcome.ts';

/** The outcome, and how it came about. */
export interface SendResult {
  outcome: Outcome;
  /** How many times the message was written. */
  attempts: number;
  /** The address of the server in the last attempt. */
  address: string | undefined;
  ms: number;
}

export interface DeliveryOptions {
  message: string;
  deadlineMs: number;
  /** Handling it twice does no harm. */
  idempotent: boolean;
  /** Called once, with the outcome. */
  onSettled: (delivery: SendResult) => void;
}

/** Attempts with an unknown outcome before an idempotent message is given up. */
const MAX_UNKNOWN = 3;
/** With less time than this, a retry would only turn a certain outcome into an unknown one. */
const MIN_RETRY_MS = 20;

export class Delivery {
  readonly message: string;
  readonly startedAt = performance.now();
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  /** The address of the server in the last attempt. */
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

  /** Records the outcome of one attempt. */
  recordAttempt({ outcome, written }: AttemptResult): void {
    if (written) this.#attempts += 1;
    if (outcome.kind === 'unknown') this.#unknown += 1;
    this.#outcome = combineOutcomes(this.#outcome, outcome);
  }

  /** Whether another attempt is allowed after this outcome: the message was certainly not handled, or it is idempotent. */
  mayRetry(kind: Outcome['kind']): boolean {
    const allowed = kind === 'not_handled' || (this.#idempotent && this.#unknown < MAX_UNKNOWN);
    return allowed && this.deadline - performance.now() > MIN_RETRY_MS;
  }

  /** There is no further attempt: reports the combined outcome. */
  settle(): void {
    const ms = performance.now() - this.startedAt;
    this.#onSettled({ outcome: this.#outcome!, attempts: this.#attempts, address: this.address, ms });
  }
}

/**
 * The outcome of all attempts. Once an attempt may have been handled, only a reply settles it: a later `rejected` or
 * `not_handled` says nothing about the earlier attempt.
 */
function combineOutcomes(earlier: Outcome | undefined, latest: Outcome): Outcome {
  return earlier?.kind === 'unknown' && latest.kind !== 'replied' ? earlier : latest;
}
