/** Keeps one connection to the server: opened when a message needs it, and again after it was lost. */
import type { Socket } from 'node:net';

import type { Logger } from '@knock/shared/log/log';

import { framesProtocol, textProtocol } from '../protocols/frames.ts';
import { httpProtocol } from '../protocols/http.ts';
import type { ClientProtocol } from '../protocols/protocol.ts';
import type { ClientSettings } from '../settings.ts';
import { ClientConnection } from './connection.ts';
import { ConnectError, Connector } from './connector.ts';
import type { WriteShaping } from './writer.ts';

export interface ConnectionPolicy {
  /** How messages are written, to show what a stream is. */
  shaping?: WriteShaping;
  /** In HTTP, write messages before earlier ones have their replies: only for servers that are known to take it. */
  pipelines?: boolean;
  /** In text, take a line `error: …` for a reply: for servers other than Knock. */
  raw?: boolean;
}

interface ConnectAttempt {
  connection: Promise<ClientConnection>;
  /** How many messages wait for it. */
  waiting: number;
  canceller: AbortController;
}

const MAX_IN_FLIGHT = 1024;

export class PersistentConnection {
  readonly #settings: ClientSettings;
  readonly #logger: Logger;
  readonly #policy: ConnectionPolicy;
  readonly #connector: Connector;
  readonly #stopped = new AbortController();
  #expectsMore = true;
  #connecting: ConnectAttempt | undefined;
  #connection: ClientConnection | undefined;
  /** Why the last connection ended, or the last attempt to connect failed; forgotten when a reply comes. */
  #lastFailure: string | undefined;

  constructor(settings: ClientSettings, logger: Logger, policy: ConnectionPolicy) {
    this.#settings = settings;
    this.#logger = logger;
    this.#policy = policy;
    this.#connector = new Connector(settings);
  }

  /** The connection, if one is open. */
  get current(): ClientConnection | undefined {
    return this.#connection?.open && !this.#stopped.signal.aborted ? this.#connection : undefined;
  }

  /** An open connection. Rejects with a {@link ConnectError} if there is none by the deadline. */
  async connected(deadline: number): Promise<ClientConnection> {
    this.#stopped.signal.throwIfAborted();
    if (this.#connection?.open) return this.#connection;
    const connecting = (this.#connecting ??= this.#startConnecting());
    connecting.waiting += 1;
    const connection = await byDeadline(deadline, connecting.connection).finally(() => (connecting.waiting -= 1));
    if (connection) return connection;
    // The deadline passed between two attempts: the last one says why.
    throw new ConnectError(this.#lastFailure ?? 'there was no time to connect', { retryable: false });
  }

  /** A reply came: the next failure is the first one again. */
  recordReply(): void {
    this.#lastFailure = undefined;
    this.#connector.succeeded();
  }

  /** No more messages come: what was held back for `glue` is written. */
  endBatch(): void {
    this.#expectsMore = false;
    this.#connection?.flush();
  }

  /** Closes when all messages have their replies. An attempt to connect goes on only if a message waits for it. */
  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
    if (this.#connecting?.waiting !== 0) return;
    this.#connecting.canceller.abort();
    this.#connecting = undefined;
  }

  /** Ends at once and for good. */
  stop(why: string): void {
    this.#stopped.abort(new ConnectError(why, { retryable: false }));
    this.#connection?.destroy(why);
  }

  #startConnecting(): ConnectAttempt {
    const canceller = new AbortController();
    const connection = this.#connect(canceller.signal).finally(() => {
      if (this.#connecting === connecting) this.#connecting = undefined;
    });
    const connecting: ConnectAttempt = { connection, waiting: 0, canceller };
    return connecting;
  }

  async #connect(cancelled: AbortSignal): Promise<ClientConnection> {
    const signal = AbortSignal.any([this.#stopped.signal, cancelled]);
    try {
      const socket = await this.#connector.connect(signal);
      if (signal.aborted) {
        socket.destroy();
        throw signal.reason as ConnectError;
      }
      return this.#open(socket);
    } catch (error) {
      if (cancelled.aborted) throw error;
      // A message that waits hears that the client was stopped, not which step of connecting that broke off.
      const failure = (signal.aborted ? signal.reason : error) as ConnectError;
      this.#lastFailure = failure.message;
      this.#logger.debug(failure.message);
      throw failure;
    }
  }

  #open(socket: Socket): ClientConnection {
    const { shaping = {} } = this.#policy;
    this.#connection = new ClientConnection(socket, {
      protocol: createProtocol(this.#settings, this.#policy),
      shaping,
      mayHold: () => shaping.glue !== undefined && this.#expectsMore,
      replyTimeoutMs: this.#settings.REPLY_TIMEOUT_MS,
      logger: this.#logger,
      ended: ({ why, next }) => {
        this.#lastFailure = why;
        if (next !== 'at once') this.#connector.backOff(next);
      },
    });
    this.#logger.debug({ address: this.#connection.address }, `connected to ${this.#connection.address}`);
    return this.#connection;
  }
}

function createProtocol(
  settings: ClientSettings,
  { pipelines, raw = false }: ConnectionPolicy,
): ClientProtocol<unknown> {
  switch (settings.PROTOCOL) {
    case 'frames':
      return framesProtocol(MAX_IN_FLIGHT);
    case 'text':
      return textProtocol({ raw });
    case 'http':
      return httpProtocol(settings, pipelines ? MAX_IN_FLIGHT : 1);
  }
}

/** The promise's result; undefined at the deadline, in the time of `performance.now()`. */
async function byDeadline<Result>(deadline: number, promise: Promise<Result>): Promise<Result | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, Math.max(1, deadline - performance.now()), undefined);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
