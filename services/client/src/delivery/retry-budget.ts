/**
 * How often an unanswered message may be sent again, over all messages: a server in trouble must not get twice the
 * load because of it. A token bucket after gRPC's proposal A6: one crash lets 32 messages be sent again, then one
 * for ten replies.
 */
const CAPACITY = 64;
const RETRY_ABOVE = 32;
const TOKENS_PER_REPLY = 0.1;

export class RetryBudget {
  #tokens = CAPACITY;

  reply(): void {
    this.#tokens = Math.min(CAPACITY, this.#tokens + TOKENS_PER_REPLY);
  }

  /** Counts an unanswered message; true: it may be sent again. */
  spend(): boolean {
    this.#tokens = Math.max(0, this.#tokens - 1);
    return this.#tokens >= RETRY_ABOVE;
  }
}
