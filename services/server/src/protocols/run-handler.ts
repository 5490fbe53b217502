/** Runs the handler for one connection, and keeps everybody safe from it: handlers are changed by everybody. */
import type { Logger } from '@knock/shared/log/log';

import type { ClientInfo, Handler } from '../handler.ts';
import type { Connection } from '../net/connection.ts';
import type { ServerSettings } from '../settings.ts';
import { logLateHandler } from '../telemetry/access-log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ConnectedClient } from './connected-client.ts';

/** The handler threw, or what it replied with is no text. */
export class HandlerFailure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

export type HandlerResult = string | HandlerFailure;

export interface HandlerOptions {
  handler: Handler;
  logger: Logger;
  handlerLatency: Metrics['handlerLatency'];
  settings: Pick<ServerSettings, 'HANDLER_TIMEOUT_MS'>;
}

export class HandlerRunner {
  readonly #connection: Connection;
  readonly #options: HandlerOptions;
  readonly #handler: Handler;
  readonly #client: ClientInfo;
  /** Of the messages that are read together and answered at once only the first is timed: a look at the clock costs as much as they do. */
  #timed = false;

  constructor(connection: Connection, options: HandlerOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#handler = options.handler;
    this.#client = new ConnectedClient(connection);
  }

  /** The messages from now on were read together. */
  startBatch(): void {
    this.#timed = false;
  }

  /** Never throws or rejects. A promise of undefined: the connection ended first, so nobody waits for the reply. */
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

/** Whatever has a `then` may call back at once, twice or never: `await` does not let it. */
async function resultOf(reply: unknown): Promise<HandlerResult> {
  try {
    const text: unknown = await reply;
    if (typeof text === 'string') return text;
    const given = text === null ? 'null' : typeof text;
    return new HandlerFailure(new TypeError(`it must reply with a text, and replied with ${given}`));
  } catch (error) {
    return new HandlerFailure(error);
  }
}
