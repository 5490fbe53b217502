/**
 * The real server in this process, and clients that reach it without a kernel in between. Each piece that a client sends
 * is one read of the server, so every cut is exactly the cut that the test means; and time stands still until it is let
 * pass, so a hundred thousand clients take a minute, and "no hang" is judged by the timeouts as they are shipped.
 *
 * What a kernel adds (reads that are joined, buffers that fill, resets that overtake what was sent) is not here: where
 * that matters, a test uses the container.
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

/** What happens next: the client sends this, it pauses, or the server begins to drain. */
export type Step = Buffer | { pauseMs: number } | { drain: true };

/** What became of a conversation. */
export interface Outcome {
  /** What the handler heard, in its order. */
  heard: string[];
  /** All bytes that the server sent. */
  said: Buffer;
  reason: CloseReason | undefined;
  /** How long the connection was open, by the clock of the server. */
  ms: number;
}

interface Options extends Partial<ServerSettings> {
  /** The default one answers with what it heard. */
  handler?: Handler;
  /** By default nothing is kept of the log but why conversations ended. */
  logger?: Logger;
}

const DEFAULTS = serverSettings.parse({ HOST: '127.0.0.1', PORT: '0', LIVE_PAGE: 'on' });

/** How long anybody is borne who does nothing: the longest timeout there is between messages, and the end itself. */
const PATIENCE_MS = DEFAULTS.IDLE_TIMEOUT_MS + 2000;

/** In this many turns of the loop without any event nothing goes on any more but timeouts. */
const QUIET_TURNS = 2;

export class InMemoryServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #listener: NetServer;
  readonly #witness: Recorder;

  /** Time stands still from now on, until the server is disposed of. */
  static async start({ handler = (message) => message, logger, ...settings }: Options = {}): Promise<InMemoryServer> {
    const witness = new Recorder(handler);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const [server, listener] = await withListener(() =>
      startServer({
        name: 'server-1',
        settings: { ...DEFAULTS, ...settings },
        handler: witness.handler,
        logger: logger ?? witness.logger,
      }),
    );
    return new InMemoryServer(server, listener, witness);
  }

  private constructor(server: Server, listener: NetServer, witness: Recorder) {
    this.#server = server;
    this.#listener = listener;
    this.#witness = witness;
  }

  /**
   * One whole conversation. Rejects where the server throws, and where it leaves the client without an end for longer
   * than any of its timeouts runs.
   */
  async converse(steps: Step[], ending: Ending): Promise<Outcome> {
    const witness = this.#witness;
    witness.forget();
    const socket = new MemorySocket(witness);
    const began = performance.now();
    socket.once('close', () => (witness.closedAt = performance.now()));
    this.#listener.emit('connection', socket as unknown as Socket);
    for (const step of steps) {
      if (Buffer.isBuffer(step)) socket.send(step);
      else if ('drain' in step) await this.drain();
      else await this.#pause(step.pauseMs);
    }
    socket.send(ending);
    await this.#closed(socket);
    return { heard: witness.heard, said: socket.said, reason: witness.reason, ms: witness.closedAt - began };
  }

  /** Begins to drain, once everything that was sent before has been read. */
  async drain(): Promise<void> {
    await this.#witness.settled();
    void this.#server.close();
    await this.#witness.settled();
  }

  async #pause(ms: number): Promise<void> {
    await this.#witness.settled();
    const endsAt = performance.now() + ms;
    // So that time stops there, whatever other timers there are.
    setTimeout(() => undefined, ms);
    while (performance.now() < endsAt) await this.#nextTimer();
  }

  /** Timer by timer: what one of them leads to is done before time goes on. */
  async #nextTimer(): Promise<void> {
    vi.advanceTimersToNextTimer();
    await this.#witness.settled();
  }

  async #closed(socket: MemorySocket): Promise<void> {
    const began = performance.now();
    await this.#witness.settled();
    while (!socket.closed) {
      if (vi.getTimerCount() === 0) throw new Error('the connection is open, and no timeout runs');
      await this.#nextTimer();
      const ms = performance.now() - began;
      if (ms > PATIENCE_MS) throw new Error(`the connection is still open after ${ms} ms`);
    }
  }

  /** Drains while time is still ours, so that nobody waits for it. */
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

/** Sees what happens during one conversation. */
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

  /** Resolves when nothing goes on any more but timeouts; rejects where the server threw. */
  async settled(): Promise<void> {
    for (let turns = 0, seen = this.#events; turns < QUIET_TURNS; turns += 1) {
      await new Promise(setImmediate);
      if (this.#failure !== undefined) throw this.#failure;
      if (seen !== this.#events) turns = -1;
      seen = this.#events;
    }
  }
}
