/**
 * The real server in this process, with clients on in-memory sockets. Each piece that a client sends is one read of the
 * server, so a test controls every split. Time is faked: 100,000 clients take a minute, and hangs are detected with the
 * default timeouts.
 *
 * Kernel effects (coalesced reads, full buffers, resets that overtake data) are missing: tests that need them use the container.
 */
import type { Server as NetServer, Socket } from 'node:net';

import type { Handler } from '@knock/server/handler';
import type { CloseReason } from '@knock/server/net/close-reason';
import { type Server, startServer } from '@knock/server/server';
import { serverSettings, type ServerSettings } from '@knock/server/settings';
import { withListener } from '@knock/server/test/listener';
import type { Logger } from '@knock/shared/log/log';
import { vi } from 'vitest';

import { type Ending, MemorySocket, type SocketObserver } from './memory-socket.ts';

export type { Ending };

/** The client sends bytes or pauses, or the server starts to drain. */
export type Step = Buffer | { pauseMs: number } | { drain: true };

/** The result of a session. */
export interface ConnectionResult {
  /** Messages that the handler got, in order. */
  heard: string[];
  /** All bytes that the server sent. */
  said: Buffer;
  reason: CloseReason | undefined;
  /** How long the connection was open, on the server's clock. */
  ms: number;
}

interface Options extends Partial<ServerSettings> {
  /** Default: echo. */
  handler?: Handler;
  /** Default: keeps only the close reasons. */
  logger?: Logger;
}

const DEFAULTS = serverSettings.parse({ HOST: '127.0.0.1', PORT: '0', LIVE_PAGE: 'on' });

/** The longest that an idle connection may stay open: the idle timeout, plus the close. */
const PATIENCE_MS = DEFAULTS.IDLE_TIMEOUT_MS + 2000;

/** After this many turns of the event loop without an event, only timers are pending. */
const QUIET_TURNS = 2;

export class InMemoryServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #listener: NetServer;
  readonly #recorder: Recorder;

  /** Fakes time until the server is disposed of. */
  static async start({ handler = (message) => message, logger, ...settings }: Options = {}): Promise<InMemoryServer> {
    const recorder = new Recorder(handler);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const [server, listener] = await withListener(() =>
      startServer({
        name: 'server-1',
        settings: { ...DEFAULTS, ...settings },
        handler: recorder.handler,
        logger: logger ?? recorder.logger,
      }),
    );
    return new InMemoryServer(server, listener, recorder);
  }

  private constructor(server: Server, listener: NetServer, recorder: Recorder) {
    this.#server = server;
    this.#listener = listener;
    this.#recorder = recorder;
  }

  /**
   * One whole session. Rejects if the server throws, or leaves the connection open for longer than its longest timeout.
   */
  async converse(steps: Step[], ending: Ending): Promise<ConnectionResult> {
    const recorder = this.#recorder;
    recorder.forget();
    const socket = new MemorySocket(recorder);
    const began = performance.now();
    socket.once('close', () => (recorder.closedAt = performance.now()));
    this.#listener.emit('connection', socket as unknown as Socket);
    for (const step of steps) {
      if (Buffer.isBuffer(step)) socket.send(step);
      else if ('drain' in step) await this.drain();
      else await this.#pause(step.pauseMs);
    }
    socket.send(ending);
    await this.#closed(socket);
    return { heard: recorder.heard, said: socket.said, reason: recorder.reason, ms: recorder.closedAt - began };
  }

  /** Starts to drain, once all earlier bytes have been read. */
  async drain(): Promise<void> {
    await this.#recorder.settled();
    void this.#server.close();
    await this.#recorder.settled();
  }

  async #pause(ms: number): Promise<void> {
    await this.#recorder.settled();
    const endsAt = performance.now() + ms;
    // A timer at which the fake time stops.
    setTimeout(() => undefined, ms);
    while (performance.now() < endsAt) await this.#nextTimer();
  }

  /** Runs one timer and all that follows from it, before time goes on. */
  async #nextTimer(): Promise<void> {
    vi.advanceTimersToNextTimer();
    await this.#recorder.settled();
  }

  async #closed(socket: MemorySocket): Promise<void> {
    const began = performance.now();
    await this.#recorder.settled();
    while (!socket.closed) {
      if (vi.getTimerCount() === 0) throw new Error('the connection is open, and no timer is pending');
      await this.#nextTimer();
      const ms = performance.now() - began;
      if (ms > PATIENCE_MS) throw new Error(`the connection is still open after ${ms} ms`);
    }
  }

  /** Drains while time is still faked, which takes no real time. */
  async [Symbol.asyncDispose](): Promise<void> {
    const server = { closed: false };
    void this.#server.close().then(() => (server.closed = true));
    while (!server.closed) {
      vi.advanceTimersToNextTimer();
      await new Promise(setImmediate);
    }
    vi.useRealTimers();
  }
}

/** Records one session. */
class Recorder implements SocketObserver {
  heard: string[] = [];
  reason: CloseReason | undefined;
  closedAt = NaN;
  readonly handler: Handler;
  readonly logger: Logger;
  #events = 0;
  #failure: unknown;

  constructor(handler: Handler) {
    this.handler = (message, client) => {
      this.happen();
      this.heard.push(message);
      const reply = handler(message, client);
      return typeof reply === 'string' ? reply : reply.finally(() => this.happen());
    };
    const log = ({ reason }: { reason?: CloseReason }) => (this.reason = reason ?? this.reason);
    this.logger = { isLevelEnabled: () => false, debug: log, info: log, warn: log, error: log } as never;
  }

  forget(): void {
    this.heard = [];
    this.reason = undefined;
    this.#failure = undefined;
  }

  happen(): void {
    this.#events += 1;
  }

  fail(error: unknown): void {
    this.#failure = error;
  }

  /** Resolves when only timers are pending; rejects if the server threw. */
  async settled(): Promise<void> {
    for (let turns = 0, seen = this.#events; turns < QUIET_TURNS; turns += 1) {
      await new Promise(setImmediate);
      if (this.#failure !== undefined) throw this.#failure;
      if (seen !== this.#events) turns = -1;
      seen = this.#events;
    }
  }
}
