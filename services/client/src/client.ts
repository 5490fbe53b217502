/** The client: keeps a connection to the server, and gives each message exactly one verdict in time. */
import type { Logger } from '@knock/shared/log/log';

import { type Answer, Connection } from './connection.ts';
import { DialError, Dialler } from './dialler.ts';
import { framesProtocol, textProtocol } from './protocols/frames.ts';
import { httpProtocol } from './protocols/http.ts';
import type { ClientProtocol } from './protocols/protocol.ts';
import { RetryBudget } from './retry-budget.ts';
import { type Delivery, Sending } from './sending.ts';
import type { ClientSettings } from './settings.ts';
import { inWords } from './verdict.ts';
import type { Cut } from './writer.ts';

export interface SendOptions {
  /** The message may be handled twice: it is sent again where its verdict would be `unknown`. */
  repeatable?: boolean;
}

export interface ClientOptions {
  /** How messages are written, to show what a stream is. */
  cut?: Cut;
  /** Over HTTP, messages are sent before earlier ones have their replies: for servers that are known to take it. */
  pipelines?: boolean;
}

/** A connection that is being made. */
interface Connecting {
  connection: Promise<Connection>;
  /** How many messages wait for it. */
  waiting: number;
  callOff: AbortController;
}

const MAX_IN_FLIGHT = 1024;

export class Client {
  readonly #settings: ClientSettings;
  readonly #logger: Logger;
  readonly #logsAnswers: boolean;
  readonly #cut: Cut;
  readonly #pipelines: boolean;
  #expectsMore = true;
  readonly #dialler: Dialler;
  readonly #budget = new RetryBudget();
  readonly #stopped = new AbortController();
  #connecting: Connecting | undefined;
  #connection: Connection | undefined;
  /** Why the last connection ended, or the last try to connect failed; forgotten when a reply comes. */
  #lastWhy: string | undefined;

  constructor(settings: ClientSettings, logger: Logger, { cut = {}, pipelines = false }: ClientOptions = {}) {
    this.#cut = cut;
    this.#pipelines = pipelines;
    this.#settings = settings;
    this.#logger = logger;
    this.#logsAnswers = logger.isLevelEnabled('debug');
    this.#dialler = new Dialler(settings);
  }

  /** Resolves with the message's one verdict, at its deadline at the latest; never rejects. */
  send(message: string, { repeatable = false }: SendOptions = {}): Promise<Delivery> {
    const deadlineMs = this.#settings.DEADLINE_MS;
    return new Promise((deliver) => {
      this.#attempt(new Sending({ message, deadlineMs, repeatable, deliver }));
    });
  }

  /** No more messages come: nothing is held back to be glued to them. */
  expectNoMore(): void {
    this.#expectsMore = false;
    this.#connection?.flush();
  }

  /**
   * Ends the connection in good order, when what was sent has its answers; the next message makes a new one. One that is
   * just being made goes on only if a message waits for it: else it would be opened, and closed without a word.
   */
  hangUp(): void {
    this.#connection?.hangUp();
    this.#connection = undefined;
    if (this.#connecting?.waiting !== 0) return;
    this.#connecting.callOff.abort();
    this.#connecting = undefined;
  }

  /** Ends at once: what is unanswered is `unknown`, and nothing is sent any more. */
  stop(why: string): void {
    this.#stopped.abort(new DialError(why, { worthAnotherTry: false }));
    this.#connection?.abandon(why);
  }

  /** On the open connection at once: a promise for each step would cost more than the step (it halved the throughput). */
  #attempt(sending: Sending): void {
    if (this.#connection?.open && !this.#stopped.signal.aborted) this.#ask(this.#connection, sending);
    else void this.#attemptOnceConnected(sending);
  }

  async #attemptOnceConnected(sending: Sending): Promise<void> {
    let connection;
    try {
      connection = await this.#connected(sending.deadline);
    } catch (error) {
      const { message: why, worthAnotherTry } = error as DialError;
      this.#settle(sending, { verdict: { kind: 'not_sent', why }, written: false }, worthAnotherTry);
      return;
    }
    this.#ask(connection, sending);
  }

  #ask(connection: Connection, sending: Sending): void {
    sending.address = connection.address;
    connection.ask(sending.message, sending.deadline, (answer) => {
      if (this.#logsAnswers) {
        const { verdict } = answer;
        this.#logger.debug({ address: connection.address, verdict: verdict.kind }, inWords(verdict));
      }
      this.#settle(sending, answer, this.#learn(answer, connection));
    });
  }

  #settle(sending: Sending, answer: Answer, worthAnotherTry: boolean): void {
    sending.add(answer);
    if (worthAnotherTry && sending.mayTryAgain(answer.verdict.kind)) this.#attempt(sending);
    else sending.deliver();
  }

  /** Whether a message with this answer may be sent again, as far as the connection and the budget go. */
  #learn({ verdict, final = false }: Answer, connection: Connection): boolean {
    switch (verdict.kind) {
      case 'replied':
        this.#lastWhy = undefined;
        this.#dialler.succeeded();
        this.#budget.reply();
        return false;
      case 'refused':
        return false;
      case 'not_sent':
        // On a connection that is still good, the message itself is what cannot be sent.
        return !connection.open;
      case 'unknown':
        return !final && this.#budget.spend();
    }
  }

  /** A connection that is open. Rejects with a {@link DialError} where there is none by the deadline. */
  async #connected(deadline: number): Promise<Connection> {
    this.#stopped.signal.throwIfAborted();
    if (this.#connection?.open) return this.#connection;
    const connecting = (this.#connecting ??= this.#startConnecting());
    connecting.waiting += 1;
    const connection = await byDeadline(deadline, connecting.connection).finally(() => (connecting.waiting -= 1));
    if (connection) return connection;
    // The deadline came while the next try was waited for: the last try says why.
    throw new DialError(this.#lastWhy ?? 'there was no time to connect', { worthAnotherTry: false });
  }

  #startConnecting(): Connecting {
    const callOff = new AbortController();
    const connection = this.#connect(callOff.signal).finally(() => {
      if (this.#connecting === connecting) this.#connecting = undefined;
    });
    const connecting: Connecting = { connection, waiting: 0, callOff };
    return connecting;
  }

  async #connect(calledOff: AbortSignal): Promise<Connection> {
    const signal = AbortSignal.any([this.#stopped.signal, calledOff]);
    try {
      const socket = await this.#dialler.dial(signal);
      if (signal.aborted) {
        socket.destroy();
        throw signal.reason as DialError;
      }
      this.#connection = new Connection(socket, {
        protocol: this.#protocol(),
        cut: this.#cut,
        mayHold: () => this.#cut.glue !== undefined && this.#expectsMore,
        replyTimeoutMs: this.#settings.REPLY_TIMEOUT_MS,
        logger: this.#logger,
        ended: ({ why, next }) => {
          this.#lastWhy = why;
          if (next !== 'at once') this.#dialler.backOff(next);
        },
      });
      this.#logger.debug({ address: this.#connection.address }, `connected to ${this.#connection.address}`);
      return this.#connection;
    } catch (error) {
      if (calledOff.aborted) throw error;
      // What waits is told that it was stopped; why it was is the signal's.
      const why = (signal.aborted ? signal.reason : error) as DialError;
      this.#lastWhy = why.message;
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
