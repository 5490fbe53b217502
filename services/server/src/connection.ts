/** One caller's socket: what is known of it, its one clock, and how it ends. */
import type { Socket } from 'node:net';

import { Clock } from './clock.ts';
import type { Language } from './detect.ts';
import type { Caller } from './handler.ts';
import type { ServerSettings } from './settings.ts';

/** Why a connection ended. Each ends for exactly one of these. */
export type CloseReason =
  | 'done'
  | 'caller_left'
  | 'cut_short'
  | 'first_byte_timeout'
  | 'message_timeout'
  | 'idle_timeout'
  | 'write_timeout'
  | 'handler_timeout'
  | 'too_large'
  | 'bad_frame'
  | 'unknown_language'
  | 'tls'
  | 'busy'
  | 'drained'
  | 'drain_timeout'
  | 'error';

/** A clock's reason is the close reason to which it leads. */
export type TimeoutReason = Extract<CloseReason, `${string}_timeout`>;

/** Whoever speaks with the caller now: the door first, then a conversation or the web server. */
export interface Owner {
  /** A clock ran out. */
  timeUp(reason: TimeoutReason): void;
  /** The server leaves: answer what was wholly heard, then end. */
  drain(): void;
  /** Why it ended, for a socket that closed without anybody here having said why. */
  closed(): CloseReason;
}

/** How long what a caller still sends is read and thrown away once our last words are out. */
const LINGER_MS = 1000;
const LINGER_WHILE_DRAINING_MS = 200;

export class Connection {
  readonly id: number;
  readonly socket: Socket;
  readonly address: string;
  readonly openedAt = performance.now();
  /** One clock at a time, since a connection waits for one thing at a time. */
  readonly clock = new Clock<TimeoutReason>((reason) => this.owner?.timeUp(reason));
  owner: Owner | undefined;
  language: Language | undefined;
  messages = 0;
  /** Requests of health checks, which are no messages. */
  probes = 0;
  firstMessage: string | undefined;
  firstReply: string | undefined;
  readonly #writeTimeoutMs: number;
  #reason: CloseReason | undefined;
  #linger: NodeJS.Timeout | undefined;
  #lingerMs = LINGER_MS;
  #gone: AbortController | undefined;

  constructor(id: number, socket: Socket, { WRITE_TIMEOUT_MS }: Pick<ServerSettings, 'WRITE_TIMEOUT_MS'>) {
    this.id = id;
    this.socket = socket;
    // An IPv4 caller on a socket for both families comes as ::ffff:192.0.2.1.
    this.address = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
    this.#writeTimeoutMs = WRITE_TIMEOUT_MS;
    // Never removed: a socket that fails in the moment between two owners would end the whole program.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= isHangUp(error) ? 'caller_left' : 'error';
    });
    socket.on('timeout', () => (this.ending ? socket.destroy() : this.owner?.timeUp('write_timeout')));
    socket.once('close', () => {
      this.#reason ??= this.owner?.closed() ?? 'caller_left';
      this.clock.stop();
      clearTimeout(this.#linger);
      this.#gone?.abort();
    });
  }

  /** Why it is ending or has ended; undefined while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#reason;
  }

  get ending(): boolean {
    return this.#reason !== undefined;
  }

  /** Aborts when the caller is gone. Made when it is first asked for, since few handlers ask. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.socket.destroyed) this.#gone.abort();
    return this.#gone.signal;
  }

  hear(message: string): void {
    this.messages += 1;
    this.firstMessage ??= message;
  }

  /** Gives the caller `WRITE_TIMEOUT_MS`, started again by each byte that its kernel takes, to read what was written. */
  expectRead(ms = this.#writeTimeoutMs): void {
    this.socket.setTimeout(ms);
  }

  /**
   * Says the last words and ends, so that they arrive: what the caller still sends is thrown away for a while. To
   * destroy a socket that has unread input resets the connection, and a reset makes the caller's kernel forget what
   * its program had not read yet.
   */
  finish(reason: CloseReason, lastWords?: Buffer | string): void {
    if (this.ending) return;
    this.#reason = reason;
    this.clock.stop();
    const { socket } = this;
    socket.removeAllListeners('data');
    // A listener, since `resume` alone would leave an HTTP parser reading at the socket's handle.
    socket.on('data', () => undefined);
    socket.resume();
    this.expectRead();
    socket.once('finish', () => {
      socket.setTimeout(0);
      this.#startLingering();
    });
    socket.end(lastWords ?? '');
  }

  /** Lingers less from now on: the server is about to end. */
  hurry(): void {
    this.#lingerMs = LINGER_WHILE_DRAINING_MS;
    if (this.#linger) this.#startLingering();
  }

  /** Ends at once, without a word. */
  destroy(reason: CloseReason): void {
    this.#reason ??= reason;
    this.socket.destroy();
  }

  #startLingering(): void {
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.socket.destroy(), this.#lingerMs);
  }
}

/** What a handler gets to know of the one who speaks. */
export function callerOf(connection: Connection): Caller {
  const { id, address, language } = connection;
  return {
    id,
    address,
    language: language as Caller['language'],
    get signal() {
      return connection.signal;
    },
  };
}

function isHangUp({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE';
}
