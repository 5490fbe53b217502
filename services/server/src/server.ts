/** The server: listens, admits callers, hands each to its language, and leaves in good order. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';

import { type Codec, Refusal } from '@knock/shared/codec';
import { FrameCodec } from '@knock/shared/frames';
import { LineCodec } from '@knock/shared/lines';
import type { Logger } from '@knock/shared/log';

import { logConnection, logStrangeBytes } from './connection-log.ts';
import { Connection } from './connection.ts';
import { Conversation } from './conversation.ts';
import { Door, type Sight } from './door.ts';
import type { Handler } from './handler.ts';
import { Names } from './names.ts';
import type { ServerSettings } from './settings.ts';
import { Web } from './web.ts';

export interface ServerOptions {
  settings: ServerSettings;
  handler: Handler;
  logger: Logger;
}

/** How many callers that are turned away are told so at once; any others are closed without a word. */
const MAX_TURNED_AWAY = 32;
/** How long a caller that is turned away is looked at, to tell it in its own language. */
const TURNED_AWAY_MS = 1500;
/** How long newcomers are still told that the server leaves, so that nobody in the accept queue is reset. */
const LAST_CALL_MS = 200;

const LEAVING = 'the server is leaving; try again, another one may answer';

/** Listens when it resolves. Rejects with the system's error where the address cannot be had. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const server = new Server(options);
  await server.listen();
  return server;
}

export class Server {
  /** Resolves when the last connection has ended: after {@link close}, or after the one caller of `ACCEPT=once`. */
  readonly ended: Promise<void>;
  readonly #settings: ServerSettings;
  readonly #handler: Handler;
  readonly #logger: Logger;
  readonly #names = new Names();
  readonly #web: Web;
  readonly #connections = new Set<Connection>();
  /** Callers that are not served, and why not. */
  readonly #turnedAway = new Map<Connection, string>();
  #lastId = 0;
  /** The one caller that `ACCEPT=once` serves. */
  #chosen: Connection | undefined;
  #leaving = false;

  constructor({ settings, handler, logger }: ServerOptions) {
    this.#settings = settings;
    this.#handler = handler;
    this.#logger = logger;
    this.#web = new Web({
      settings,
      handler,
      logger,
      turnedAway: (connection) => this.#turnedAway.get(connection),
      ready: () => !this.#leaving && !this.#full,
      served: (connection) => this.#choose(connection),
    });
    this.#web.server.on('connection', (socket) => this.#admit(socket));
    this.ended = new Promise((resolve) => this.#web.server.once('close', resolve));
  }

  get port(): number {
    return (this.#web.server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    const { HOST, PORT } = this.#settings;
    this.#web.server.listen({ port: PORT, ...(HOST === undefined ? {} : { host: HOST }) });
    await once(this.#web.server, 'listening');
  }

  /**
   * Leaves: for 200 ms newcomers are told so, every message that was wholly read is answered, idle callers are let go
   * at once, and whoever is still being served after `DRAIN_TIMEOUT_MS` is cut off. Resolves when all have gone.
   */
  async close(): Promise<void> {
    if (!this.#leaving) this.#leave();
    await this.ended;
  }

  #leave(): void {
    this.#leaving = true;
    this.#logDraining('open');
    for (const connection of this.#connections) {
      connection.hurry();
      connection.owner?.drain();
    }
    setTimeout(() => {
      this.#web.server.close();
      this.#clearDoor();
      if (this.#connections.size > 0) this.#logDraining('still being served');
    }, LAST_CALL_MS);
    setTimeout(() => {
      for (const connection of this.#connections) connection.destroy('drain_timeout');
    }, this.#settings.DRAIN_TIMEOUT_MS).unref();
  }

  #logDraining(state: string): void {
    const connections = this.#connections.size;
    this.#logger.info(
      { connections },
      `draining: ${connections} ${connections === 1 ? 'connection is' : 'connections are'} ${state}`,
    );
  }

  get #full(): boolean {
    return this.#connections.size - this.#turnedAway.size >= this.#settings.MAX_CONNECTIONS;
  }

  #admit(socket: Socket): void {
    const connection = new Connection(++this.#lastId, socket, this.#settings);
    socket.once('close', () => this.#forget(connection));
    const reason = this.#reasonToTurnAway();
    this.#connections.add(connection);
    if (reason !== undefined) this.#turnAway(connection, reason);
    if (connection.ending) return;
    // Asked for now, so that the name is there when the connection's line is written.
    this.#names.of(connection.address);
    new Door(connection, this.#settings, (sight) => this.#receive(connection, sight)).open();
  }

  #reasonToTurnAway(): string | undefined {
    if (this.#leaving || this.#chosen) return LEAVING;
    if (this.#full) return `the server serves ${this.#settings.MAX_CONNECTIONS} callers, its limit; try again soon`;
    return undefined;
  }

  #turnAway(connection: Connection, reason: string): void {
    this.#turnedAway.set(connection, reason);
    if (this.#turnedAway.size > MAX_TURNED_AWAY) connection.destroy('busy');
    else setTimeout(() => connection.finish('busy'), TURNED_AWAY_MS).unref();
  }

  /** The door knows the language now, and has let go of the socket. */
  #receive(connection: Connection, { language, head, ended }: Sight): void {
    if (language === 'http') {
      this.#web.take(connection, head);
    } else if (language === 'tls' || language === 'unknown') {
      logStrangeBytes(this.#logger, connection, head);
      connection.finish(language === 'tls' ? 'tls' : 'unknown_language');
    } else {
      this.#converse(connection, this.#codecFor(language), { head, ended });
    }
  }

  #codecFor(language: 'frames' | 'text'): Codec<string> {
    const maxBytes = this.#settings.MAX_MESSAGE_BYTES;
    if (language === 'frames') return new FrameCodec<string>({ maxBytes, from: 'caller' });
    return new LineCodec({ maxBytes, side: 'server' });
  }

  #converse(connection: Connection, codec: Codec<string>, beginning: { head: Buffer; ended: boolean }): void {
    const reason = this.#turnedAway.get(connection);
    if (reason !== undefined) {
      const goaway = reason === LEAVING ? codec.encodeGoaway() : Buffer.alloc(0);
      connection.finish('busy', goaway.length > 0 ? goaway : codec.encodeRefusal(new Refusal('busy', reason)));
      return;
    }
    this.#choose(connection);
    const conversation = new Conversation(connection, {
      codec,
      handler: this.#handler,
      settings: this.#settings,
      logger: this.#logger,
    });
    conversation.begin(beginning);
    if (this.#leaving) conversation.drain();
  }

  /** With `ACCEPT=once` the first caller that says something is served, and at that moment nobody else is. */
  #choose(connection: Connection): void {
    if (this.#settings.ACCEPT === 'forever' || this.#chosen || this.#turnedAway.has(connection)) return;
    this.#chosen = connection;
    this.#web.server.close();
    for (const other of this.#connections) {
      if (other === connection || this.#turnedAway.has(other)) continue;
      this.#turnAway(other, LEAVING);
      other.owner?.drain();
    }
  }

  #clearDoor(): void {
    for (const connection of this.#connections) {
      if (connection.owner instanceof Door && !connection.owner.inQuiet) connection.finish('drained');
    }
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#turnedAway.delete(connection);
    logConnection(this.#logger, connection, this.#names.of(connection.address));
  }
}
