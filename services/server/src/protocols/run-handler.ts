/** Runs the handler for one connection. Whatever a handler does, throws or returns becomes a result, or a line of the log. */
import type { ClientInfo, Handler } from '../handler.ts';
import type { Connection } from '../net/connection.ts';
import { logLateHandler } from '../telemetry/access-log.ts';
import { ConnectedClient } from './connected-client.ts';
import type { SessionOptions } from './session-options.ts';

/** The handler threw, or its reply is not a string. */
export class HandlerFailure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

export type HandlerResult = string | HandlerFailure;

type RunnerOptions = Pick<SessionOptions, 'handler' | 'logger' | 'handlerLatency' | 'settings'>;

export class HandlerRunner {
  readonly #connection: Connection;
  readonly #options: RunnerOptions;
  readonly #handler: Handler;
  readonly #client: ClientInfo;
  /** Only the first of the messages that are read together is timed: reading the clock costs as much as answering one. */
  #timed = false;

  constructor(connection: Connection, options: RunnerOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#handler = options.handler;
    this.#client = new ConnectedClient(connection);
  }

  /** The messages that follow were read together. */
  startBatch(): void {
    this.#timed = false;
  }

  /** Never throws or rejects. The promise resolves with undefined if the connection ended first. */
  run(message: string): HandlerResult | Promise<HandlerResult | undefined> {
    const startedAt = this.#timed ? undefined : performance.now();
    this.#timed = true;
    let reply: unknown;
    try {
      reply = this.#handler(message, this.#client);
    } catch (error) {
      return new HandlerFailure(error);
    }
    if (typeof reply !== 'string') return this.#settle(reply, startedAt ?? performance.now());
    if (startedAt !== undefined) this.#observe(startedAt);
    return reply;
  }

  #observe(startedAt: number): void {
    this.#options.handlerLatency.observe((performance.now() - startedAt) / 1000);
  }

  async #settle(reply: unknown, startedAt: number): Promise<HandlerResult | undefined> {
    const result = await resultOf(reply);
    if (this.#connection.ending) {
      const lateMs = performance.now() - startedAt - this.#options.settings.HANDLER_TIMEOUT_MS;
      const thrown = result instanceof HandlerFailure ? result : undefined;
      logLateHandler(this.#options.logger, this.#connection, lateMs, thrown);
      return undefined;
    }
    if (typeof result === 'string') this.#observe(startedAt);
    return result;
  }
}

/** A hostile thenable may call back at once or twice: `await` makes a promise of it. */
async function resultOf(reply: unknown): Promise<HandlerResult> {
  try {
    const text: unknown = await reply;
    if (typeof text === 'string') return text;
    const given = text === null ? 'null' : typeof text;
    return new HandlerFailure(new TypeError(`a handler must reply with a string, this one replied with ${given}`));
  } catch (error) {
    return new HandlerFailure(error);
  }
}
