/** The client: keeps a connection to the server, and gives each message exactly one outcome in time. */
import type { Logger } from '@knock/shared/log/log';

import { type AttemptResult, Connection } from '../net/connection.ts';
import { ConnectError, Connector } from '../net/connector.ts';
import type { WriteShaping } from '../net/writer.ts';
import { framesProtocol, textProtocol } from '../protocols/frames.ts';
import { httpProtocol } from '../protocols/http.ts';
import type { ClientProtocol } from '../protocols/protocol.ts';
import type { ClientSettings } from '../settings.ts';
import { type SendResult, Delivery } from './delivery.ts';
import { formatOutcome } from './outcome.ts';
import { RetryBudget } from './retry-budget.ts';

export interface DeliveryPolicy {
  /** The message may be handled twice: it is sent again where its outcome would be `unknown`. */
  idempotent?: boolean;
}

export interface ClientOptions {
  /** How messages are written, to show what a stream is. */
  shaping?: WriteShaping;
  /** Over HTTP, messages are sent before earlier ones have their replies: for servers that are known to take it. */
  pipelines?: boolean;
}

/** A connection that is being made. */
interface ConnectAttempt {
  connection: Promise<Connection>;
  /** How many messages wait for it. */
  waiting: number;
  canceller: AbortController;
}

const MAX_IN_FLIGHT = 1024;

export class Client {
  readonly #settings: ClientSettings;
  readonly #logger: Logger;
  readonly #logsOutcomes: boolean;
  readonly #shaping: WriteShaping;
  readonly #pipelines: boolean;
  #expectsMore = true;
  readonly #connector: Connector;
  readonly #budget = new RetryBudget();
  readonly #stopped = new AbortController();
  #connecting: ConnectAttempt | undefined;
  #connection: Connection | undefined;
  /** Why the last connection ended, or the last try to connect failed; forgotten when a reply comes. */
  #lastFailure: string | undefined;

  constructor(settings: ClientSettings, logger: Logger, { shaping = {}, pipelines = false }: ClientOptions = {}) {
    this.#shaping = shaping;
    this.#pipelines = pipelines;
    this.#settings = settings;
    this.#logger = logger;
    this.#logsOutcomes = logger.isLevelEnabled('debug');
    this.#connector = new Connector(settings);
  }

  /** Resolves with the message's one outcome, at its deadline at the latest; never rejects. */
  send(message: string, { idempotent = false }: DeliveryPolicy = {}): Promise<SendResult> {
    const deadlineMs = this.#settings.DEADLINE_MS;
    return new Promise((deliver) => {
      this.#attempt(new Delivery({ message, deadlineMs, idempotent, onSettled: deliver }));
    });
  }

  /** No more messages come: nothing is held back to be glued to them. */
  endBatch(): void {
    this.#expectsMore = false;
    this.#connection?.flush();
  }

  /**
   * Ends the connection in good order, when what was sent has its answers; the next message makes a new one. One that is
   * just being made goes on only if a message waits for it: else it would be opened, and closed without a word.
   */
  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
    if (this.#connecting?.waiting !== 0) return;
    this.#connecting.canceller.abort();
    this.#connecting = undefined;
  }

  /** Ends at once: what is unanswered is `unknown`, and nothing is sent any more. */
  stop(why: string): void {
    this.#stopped.abort(new ConnectError(why, { worthAnotherTry: false }));
    this.#connection?.destroy(why);
  }

  /** On the open connection at once: a promise for each step would cost more than the step (it halved the throughput). */
  #attempt(sending: Delivery): void {
    if (this.#connection?.open && !this.#stopped.signal.aborted) this.#request(this.#connection, sending);
    else void this.#attemptOnceConnected(sending);
  }

  async #attemptOnceConnected(sending: Delivery): Promise<void> {
    let connection;
    try {
      connection = await this.#connected(sending.deadline);
    } catch (error) {
      const { message: why, retryable } = error as ConnectError;
      this.#settle(sending, { outcome: { kind: 'not_handled', why }, written: false }, retryable);
      return;
    }
    this.#request(connection, sending);
  }

  #request(connection: Connection, sending: Delivery): void {
    sending.address = connection.address;
    connection.request(sending.message, sending.deadline, (answer) => {
      if (this.#logsOutcomes) {
        const { outcome } = answer;
        this.#logger.debug({ address: connection.address, outcome: outcome.kind }, formatOutcome(outcome));
      }
      this.#settle(sending, answer, this.#recordOutcome(answer, connection));
    });
  }

  #settle(sending: Delivery, answer: AttemptResult, worthAnotherTry: boolean): void {
    sending.recordAttempt(answer);
    if (worthAnotherTry && sending.mayRetry(answer.outcome.kind)) this.#attempt(sending);
    else sending.settle();
  }

  /** Whether a message with this answer may be sent again, as far as the connection and the budget go. */
  #recordOutcome({ outcome, final = false }: AttemptResult, connection: Connection): boolean {
    switch (outcome.kind) {
      case 'replied':
        this.#lastFailure = undefined;
        this.#connector.succeeded();
        this.#budget.reply();
        return false;
      case 'rejected':
        return false;
      case 'not_handled':
        // On a connection that is still good, the message itself is what cannot be sent.
        return !connection.open;
      case 'unknown':
        return !final && this.#budget.spend();
    }
  }

  /** A connection that is open. Rejects with a {@link ConnectError} where there is none by the deadline. */
  async #connected(deadline: number): Promise<Connection> {
    this.#stopped.signal.throwIfAborted();
    if (this.#connection?.open) return this.#connection;
    const connecting = (this.#connecting ??= this.#startConnecting());
    connecting.waiting += 1;
    const connection = await byDeadline(deadline, connecting.connection).finally(() => (connecting.waiting -= 1));
    if (connection) return connection;
    // The deadline came while the next try was waited for: the last try says why.
    throw new ConnectError(this.#lastFailure ?? 'there was no time to connect', { worthAnotherTry: false });
  }

  #startConnecting(): ConnectAttempt {
    const canceller = new AbortController();
    const connection = this.#connect(canceller.signal).finally(() => {
      if (this.#connecting === connecting) this.#connecting = undefined;
    });
    const connecting: ConnectAttempt = { connection, waiting: 0, canceller };
    return connecting;
  }

  async #connect(cancelled: AbortSignal): Promise<Connection> {
    const signal = AbortSignal.any([this.#stopped.signal, cancelled]);
    try {
      const socket = await this.#connector.connect(signal);
      if (signal.aborted) {
        socket.destroy();
        throw signal.reason as ConnectError;
      }
      this.#connection = new Connection(socket, {
        protocol: this.#protocol(),
        shaping: this.#shaping,
        mayHold: () => this.#shaping.glue !== undefined && this.#expectsMore,
        replyTimeoutMs: this.#settings.REPLY_TIMEOUT_MS,
        logger: this.#logger,
        ended: ({ why, next }) => {
          this.#lastFailure = why;
          if (next !== 'at once') this.#connector.backOff(next);
        },
      });
      this.#logger.debug({ address: this.#connection.address }, `connected to ${this.#connection.address}`);
      return this.#connection;
    } catch (error) {
      if (cancelled.aborted) throw error;
      // What waits is told that it was stopped; why it was is the signal's.
      const why = (signal.aborted ? signal.reason : error) as ConnectError;
      this.#lastFailure = why.message;
      this.#logger.debug(why.message);
      throw why;
    }
  }

  #protocol(): ClientProtocol<unknown> {
    switch (this.#settings.PROTOCOL) {
      case 'frames':
        return framesProtocol(MAX_IN_FLIGHT);
      case 'text':
        return textProtocol();
      case 'http':
        return httpProtocol(this.#settings, this.#pipelines ? MAX_IN_FLIGHT : 1);
    }
  }
}

/** The promise's result; undefined at the deadline, on the clock of `performance.now()`. */
async function byDeadline<Result>(deadline: number, promise: Promise<Result>): Promise<Result | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, Math.max(1, deadline - performance.now()), undefined);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
