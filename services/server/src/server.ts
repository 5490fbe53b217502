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

/** Why a caller is not served. */
interface TurnedAway {
  reason: 'busy' | 'drained';
  sentence: string;
}

const NOTHING = Buffer.alloc(0);

const LEAVING: TurnedAway = { reason: 'drained', sentence: 'the server is leaving; try again, another one may answer' };

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
  readonly #turnedAway = new Map<Connection, TurnedAway>();
  #end!: () => void;
  #listening = false;
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
      turnedAway: (connection) => this.#turnedAway.get(connection)?.sentence,
      ready: () => !this.#leaving && !this.#full,
      served: (connection) => this.#choose(connection),
    });
    this.#web.server.on('connection', (socket) => this.#admit(socket));
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  get port(): number {
    return (this.#web.server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    const { HOST, PORT } = this.#settings;
    this.#web.server.listen({ port: PORT, ...(HOST === undefined ? {} : { host: HOST }) });
    await once(this.#web.server, 'listening');
    this.#listening = true;
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
    for (const connection of this.#connections) this.#letGo(connection);
    setTimeout(() => {
      // After the reads of this turn, among which are the callers that wait to be accepted: closing resets them.
      setImmediate(() => this.#stopListening());
    }, LAST_CALL_MS);
    setTimeout(() => {
      for (const connection of this.#connections) connection.destroy('drain_timeout');
    }, this.#settings.DRAIN_TIMEOUT_MS).unref();
  }

  #stopListening(): void {
    this.#web.stopListening();
    this.#listening = false;
    if (this.#leaving && this.#connections.size > 0) this.#logDraining('still being served');
    this.#endIfOver();
  }

  #endIfOver(): void {
    if (!this.#listening && this.#connections.size === 0) this.#end();
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
    const turnedAway = this.#reasonToTurnAway();
    this.#connections.add(connection);
    if (turnedAway) this.#turnAway(connection, turnedAway);
    if (connection.ending) return;
    this.#names.tell(connection);
    const found = (sight: Sight) => this.#receive(connection, sight);
    new Door(connection, { settings: this.#settings, logger: this.#logger, found }).open();
    if (this.#leaving) this.#letGo(connection);
  }

  #letGo(connection: Connection): void {
    connection.hurry();
    connection.owner?.drain();
  }

  #reasonToTurnAway(): TurnedAway | undefined {
    if (this.#leaving || this.#chosen) return LEAVING;
    if (!this.#full) return undefined;
    const { MAX_CONNECTIONS } = this.#settings;
    return { reason: 'busy', sentence: `the server serves ${MAX_CONNECTIONS} callers, its limit; try again soon` };
  }

  #turnAway(connection: Connection, turnedAway: TurnedAway): void {
    this.#turnedAway.set(connection, turnedAway);
    // A health check comes from this very machine, and must be heard however many stand before the door.
    if (this.#turnedAway.size > MAX_TURNED_AWAY && !isLoopback(connection.address)) {
      connection.destroy(turnedAway.reason);
      return;
    }
    const timer = setTimeout(() => connection.finish(turnedAway.reason), TURNED_AWAY_MS);
    connection.socket.once('close', () => clearTimeout(timer));
  }

  /** The door knows the language now, and has let go of the socket. */
  #receive(connection: Connection, { language, head, ended }: Sight): void {
    if (connection.ending) return;
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
    const turnedAway = this.#turnedAway.get(connection);
    if (turnedAway) {
      this.#tell(connection, codec, turnedAway);
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

  /** A server that leaves says goaway where the language has a word for it, else that it is busy. */
  #tell(connection: Connection, codec: Codec<string>, { reason, sentence }: TurnedAway): void {
    const goaway = reason === 'drained' ? codec.encodeGoaway() : NOTHING;
    connection.countRefusal(reason);
    connection.finish(reason, goaway.length > 0 ? goaway : codec.encodeRefusal(new Refusal('busy', sentence)));
  }

  /** With `ACCEPT=once` the first caller that says something is served, and at that moment nobody else is. */
  #choose(connection: Connection): void {
    if (this.#settings.ACCEPT === 'forever' || this.#chosen || this.#turnedAway.has(connection)) return;
    this.#chosen = connection;
    this.#stopListening();
    for (const other of this.#connections) {
      if (other === connection || this.#turnedAway.has(other)) continue;
      this.#turnAway(other, LEAVING);
      this.#letGo(other);
    }
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#turnedAway.delete(connection);
    logConnection(this.#logger, connection);
    this.#endIfOver();
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
