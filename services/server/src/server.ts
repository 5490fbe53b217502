/** The server: listens, admits callers, hands each to its language, and leaves in good order. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';

import { type Codec, GOAWAY, Refusal } from '@knock/shared/codec';
import { FrameCodec } from '@knock/shared/frames';
import { LineCodec } from '@knock/shared/lines';
import type { Logger } from '@knock/shared/log';
import { Unsent } from '@knock/shared/unsent';

import { Admission, type TurnedAway } from './admission.ts';
import { logConnection, logStrangeBytes } from './connection-log.ts';
import { Connection } from './connection.ts';
import { Conversation } from './conversation.ts';
import { Door, LAST_CALL_MS, type Sight } from './door.ts';
import type { Handler } from './handler.ts';
import { Metrics } from './metrics.ts';
import { Names } from './names.ts';
import { Page } from './page.ts';
import type { ServerSettings } from './settings.ts';
import { Tls } from './tls.ts';
import { Watch } from './watch.ts';
import { Web } from './web.ts';

/** How long a listener that nobody needs any more waits for a turn of the loop in which nobody comes. */
const MAX_WAIT_FOR_PAUSE_MS = 1000;

/** How often an error of the listener is logged at most: where descriptors are short, each newcomer makes one. */
const ACCEPT_ERROR_LOG_MS = 1000;

export interface ServerOptions {
  /** What it is called. */
  name: string;
  settings: ServerSettings;
  handler: Handler;
  logger: Logger;
}

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
  /** Undefined: nobody here speaks TLS. */
  readonly #tls: Tls | undefined;
  readonly #admission: Admission;
  readonly #metrics: Metrics;
  readonly #watch: Watch;
  #end!: () => void;
  #listening = false;
  #lastId = 0;
  /** The one caller that `ACCEPT=once` serves. */
  #chosen: Connection | undefined;
  #leaving = false;
  #lastCallOver = false;
  #looking = false;
  #patience: NodeJS.Timeout | undefined;
  #acceptErrorLoggedAt = -Infinity;

  constructor({ name, settings, handler, logger }: ServerOptions) {
    this.#settings = settings;
    this.#handler = handler;
    this.#logger = logger;
    this.#admission = new Admission(settings.MAX_CONNECTIONS);
    this.#tls = settings.TLS_CERT_FILE && new Tls(settings, logger);
    this.#metrics = new Metrics(this.#admission);
    this.#watch = new Watch({
      server: name,
      connections: () => this.#admission.connections,
      overview: () => this.#metrics.overview(),
    });
    this.#web = new Web({
      settings,
      handler,
      logger,
      metrics: this.#metrics,
      page: settings.PAGE === 'on' ? new Page(this.#watch) : undefined,
      turnedAway: (connection) => this.#whyNot(connection),
      ready: (asker) => this.#admission.isReady(asker),
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
    this.#web.server.on('error', this.#acceptFailed);
  }

  /**
   * Leaves: newcomers are told so for 200 ms, and for as long as others are served; every message that was wholly read
   * is answered, idle callers are let go at once, and whoever is still being served after `DRAIN_TIMEOUT_MS` is cut off.
   * Resolves when all have gone.
   */
  async close(): Promise<void> {
    if (!this.#leaving) this.#leave();
    await this.ended;
  }

  #leave(): void {
    this.#leaving = true;
    this.#admission.close();
    this.#logDraining('open');
    this.#watch.leave();
    for (const connection of this.#admission.connections) letGo(connection);
    setTimeout(() => this.#endLastCall(), LAST_CALL_MS);
    setTimeout(() => this.#cutOff(), this.#settings.DRAIN_TIMEOUT_MS).unref();
  }

  /** The time to drain is over, for those that are served and for those that still come. */
  #cutOff(): void {
    this.#stopListening();
    for (const connection of this.#admission.connections) connection.destroy('drain_timeout');
  }

  #endLastCall(): void {
    this.#lastCallOver = true;
    if (this.#admission.served > 0) this.#logDraining('still being served');
    this.#stopListeningIfIdle();
  }

  /**
   * Closing the listener resets the callers that the kernel has let in and Node has not yet seen: they have sent, and
   * cannot know whether it was handled. So it is closed when nobody is served any more, and when nobody waits: Node
   * takes in one caller in each turn of its loop, so a turn in which none came is a turn in which none waited. Who comes
   * between that turn and the close, some tenths of a millisecond, is reset all the same: no system call turns newcomers away and
   * keeps those who wait. So it helps that a client pauses after a goaway. Where somebody comes in every turn, the listener
   * is closed after a second all the same: a crowd must not keep a server from ending.
   */
  #stopListeningIfIdle(): void {
    if (!this.#listening || this.#looking || !this.#lastCallOver || this.#admission.served > 0) return;
    this.#looking = true;
    this.#patience ??= setTimeout(() => this.#stopListening(), MAX_WAIT_FOR_PAUSE_MS).unref();
    const lastSeen = this.#lastId;
    const look = () => {
      this.#looking = false;
      if (this.#lastId === lastSeen) this.#stopListening();
      else this.#stopListeningIfIdle();
    };
    // The second one comes behind a whole turn.
    setImmediate(() => setImmediate(look));
  }

  #stopListening(): void {
    if (!this.#listening) return;
    clearTimeout(this.#patience);
    this.#web.stopListening();
    this.#listening = false;
    this.#endIfOver();
  }

  #endIfOver(): void {
    if (!this.#listening && this.#admission.open === 0) this.#end();
  }

  #logDraining(state: string): void {
    const connections = this.#admission.open;
    this.#logger.info(
      { connections },
      `draining: ${connections} ${connections === 1 ? 'connection is' : 'connections are'} ${state}`,
    );
  }

  /** The connection stays in the kernel's queue, and Node tries again. */
  readonly #acceptFailed = ({ code, message }: NodeJS.ErrnoException) => {
    const now = performance.now();
    if (now - this.#acceptErrorLoggedAt < ACCEPT_ERROR_LOG_MS) return;
    this.#acceptErrorLoggedAt = now;
    const advice = 'newcomers wait: raise the limits of descriptors and memory (ulimit -n), or lower MAX_CONNECTIONS';
    this.#logger.error({ code }, `cannot accept connections (${code ?? message}): ${advice}`);
  };

  #admit(socket: Socket): void {
    const connection = new Connection(++this.#lastId, socket, this.#settings, this.#forget);
    this.#metrics.countAccepted();
    this.#admission.admit(connection);
    if (connection.ending) return;
    this.#names.tell(connection);
    this.#watch.opened(connection);
    this.#look(connection);
  }

  #look(connection: Connection): void {
    const found = (sight: Sight) => this.#receive(connection, sight);
    new Door(connection, { settings: this.#settings, logger: this.#logger, found }).open();
    if (this.#leaving) letGo(connection);
  }

  /** The door knows the language now, and has let go of the connection. */
  #receive(connection: Connection, { language, head, ended }: Sight): void {
    if (connection.ending) return;
    if (language === 'http') {
      connection.pause();
      this.#web.take(connection, head);
    } else if (language === 'tls' && this.#tls && !connection.inTls) {
      connection.pause();
      this.#tls.shake(connection, head, () => this.#look(connection));
    } else if (language === 'tls' || language === 'unknown') {
      logStrangeBytes(this.#logger, connection, head);
      connection.finish(language === 'tls' ? 'tls' : 'unknown_language');
    } else {
      this.#converse(connection, this.#codecFor(language), { head, ended });
    }
    if (this.#leaving && !connection.ending) letGo(connection);
  }

  #codecFor(language: 'frames' | 'text'): Codec<string> {
    const maxBytes = this.#settings.MAX_MESSAGE_BYTES;
    if (language === 'frames') return new FrameCodec<string>({ maxBytes, from: 'caller' });
    return new LineCodec({ maxBytes, side: 'server' });
  }

  #converse(connection: Connection, codec: Codec<string>, beginning: { head: Buffer; ended: boolean }): void {
    const turnedAway = this.#whyNot(connection);
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
      handling: this.#metrics.handling,
    });
    conversation.begin(beginning);
  }

  #whyNot(connection: Connection): TurnedAway | undefined {
    // TLS first: what is open to callers whom there is no room for is not open to callers who may not come in at all.
    return this.#tls?.whyNot(connection) ?? this.#admission.whyNot(connection);
  }

  /** A server that leaves says goaway where the language has a word for it, else that it is busy. */
  #tell(connection: Connection, codec: Codec<string>, { reason, code, sentence }: TurnedAway): void {
    const lastWords = new Unsent();
    if (reason === 'drained') codec.encode(GOAWAY, lastWords);
    if (lastWords.length === 0) {
      codec.encode(new Refusal(code, sentence), lastWords);
      connection.countRefusal(code, sentence);
    }
    connection.finish(reason, lastWords.take());
  }

  /** With `ACCEPT=once` the first caller that says something is served, and at that moment nobody else is. */
  #choose(connection: Connection): void {
    if (this.#settings.ACCEPT === 'forever' || this.#chosen || this.#whyNot(connection)) return;
    this.#chosen = connection;
    this.#stopListening();
    for (const other of this.#admission.closeBehind(connection)) letGo(other);
  }

  readonly #forget = (connection: Connection) => {
    this.#admission.forget(connection);
    this.#metrics.countClosed(connection);
    this.#watch.closed(connection);
    logConnection(this.#logger, connection);
    this.#stopListeningIfIdle();
    this.#endIfOver();
  };
}

/** Ends when it has answered what was wholly heard, and lingers no longer than it has to. */
function letGo(connection: Connection): void {
  connection.hurry();
  connection.owner?.drain();
}
