/** The client: each message that it sends gets exactly one outcome, by its deadline. */
import type { Logger } from '@knock/shared/log/log';

import type { ClientConnection } from '../net/connection.ts';
import type { ConnectError } from '../net/connector.ts';
import type { AttemptResult } from '../net/pending-requests.ts';
import { type ConnectionPolicy, PersistentConnection } from '../net/persistent-connection.ts';
import type { ClientSettings } from '../settings.ts';
import { Delivery, type SendResult } from './delivery.ts';
import { formatOutcome } from './outcome.ts';
import { RetryBudget } from './retry-budget.ts';

export interface DeliveryPolicy {
  /** To handle the message twice does no harm, so it may be sent again after an `unknown` attempt. */
  idempotent?: boolean;
}

export class Client {
  readonly #deadlineMs: number;
  readonly #logger: Logger;
  /** Checked once: a check per message would show in the throughput. */
  readonly #logsOutcomes: boolean;
  readonly #connection: PersistentConnection;
  readonly #budget = new RetryBudget();

  constructor(settings: ClientSettings, logger: Logger, policy: ConnectionPolicy = {}) {
    this.#deadlineMs = settings.DEADLINE_MS;
    this.#logger = logger;
    this.#logsOutcomes = logger.isLevelEnabled('debug');
    this.#connection = new PersistentConnection(settings, logger, policy);
  }

  /** Resolves with the message's one outcome, by its deadline; never rejects. */
  send(message: string, { idempotent = false }: DeliveryPolicy = {}): Promise<SendResult> {
    return new Promise((resolve) => {
      this.#attempt(new Delivery({ message, deadlineMs: this.#deadlineMs, idempotent, onSettled: resolve }));
    });
  }

  /** No more messages come: what was held back for `glue` is written. */
  endBatch(): void {
    this.#connection.endBatch();
  }

  /** Closes the connection when all messages have their replies; the next message opens another one. */
  close(): void {
    this.#connection.close();
  }

  /** Ends at once and for good: written messages without a reply are `unknown`, all others `not_handled`. */
  stop(why: string): void {
    this.#connection.stop(why);
  }

  /** Uses no promise while a connection is open: a promise for each step halved the throughput. */
  #attempt(delivery: Delivery): void {
    const { current } = this.#connection;
    if (current) this.#request(current, delivery);
    else void this.#attemptOnceConnected(delivery);
  }

  async #attemptOnceConnected(delivery: Delivery): Promise<void> {
    let connection;
    try {
      connection = await this.#connection.connected(delivery.deadline);
    } catch (error) {
      const { message: why, retryable } = error as ConnectError;
      this.#settle(delivery, { outcome: { kind: 'not_handled', why }, written: false }, retryable);
      return;
    }
    this.#request(connection, delivery);
  }

  #request(connection: ClientConnection, delivery: Delivery): void {
    delivery.address = connection.address;
    connection.request(delivery.message, delivery.deadline, (result) => {
      if (this.#logsOutcomes) {
        const { outcome } = result;
        this.#logger.debug({ address: connection.address, outcome: outcome.kind }, formatOutcome(outcome));
      }
      this.#settle(delivery, result, this.#recordAndDecideRetry(result, connection));
    });
  }

  #settle(delivery: Delivery, result: AttemptResult, retryable: boolean): void {
    delivery.recordAttempt(result);
    if (retryable && delivery.mayRetry(result.outcome.kind)) this.#attempt(delivery);
    else delivery.settle();
  }

  /** Whether the connection and the retry budget, of which an unknown result spends one, allow another attempt. */
  #recordAndDecideRetry({ outcome, final = false }: AttemptResult, connection: ClientConnection): boolean {
    switch (outcome.kind) {
      case 'replied':
        this.#connection.recordReply();
        this.#budget.reply();
        return false;
      case 'rejected':
        return false;
      case 'not_handled':
        // Still open: the message waited in the queue until its deadline, so there is no time for another attempt.
        return !connection.open;
      case 'unknown':
        return !final && this.#budget.spend();
    }
  }
}
