/**
 * The retry budget: how many unanswered messages may be retried, over all messages, so that retries do not double the load
 * of a server in trouble. A token bucket after gRPC's proposal A6: 32 retries after one crash, then one per ten replies.
 */
const CAPACITY = 64;
const RETRY_ABOVE = 32;
const TOKENS_PER_REPLY = 0.1;

export class RetryBudget {
  #tokens = CAPACITY;

  reply(): void {
    this.#tokens = Math.min(CAPACITY, this.#tokens + TOKENS_PER_REPLY);
  }

  /** Counts an unanswered message. True: it may be retried. */
  spend(): boolean {
    this.#tokens = Math.max(0, this.#tokens - 1);
    return this.#tokens >= RETRY_ABOVE;
  }
}
