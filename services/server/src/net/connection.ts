/** One client's socket for its whole life: what handles it, its one deadline, and how it ends. */
import type { Socket } from 'node:net';

import type { WriteBuffer } from '@knock/shared/codec/write-buffer';

import type { ProtocolName } from '../protocols/detect.ts';
import { type CloseReason, closeReasonOf, type TimeoutReason } from './close-reason.ts';
import type { ConnectionHandler } from './connection-handler.ts';
import { ConnectionStats } from './connection-stats.ts';
import { Deadline } from './deadline.ts';
import { LingeringClose } from './lingering-close.ts';
import { Peer } from './peer.ts';
import { WriteTimeout } from './write-timeout.ts';

interface ConnectionEvents {
  /** Called once. */
  closed: (connection: Connection) => void;
  /** Our own code threw. */
  fault: (connection: Connection, fault: unknown) => void;
}

export class Connection {
  readonly id: number;
  /** The client's socket; after a TLS handshake, the TLS socket around it. */
  socket: Socket;
  readonly peer: Peer;
  readonly openedAt = performance.now();
  readonly stats: ConnectionStats;
  /** Of what the connection waits for now. Only the write timeout and the linger have timers of their own. */
  readonly deadline = new Deadline<TimeoutReason>((reason) => this.#notify((handler) => handler.onTimeout?.(reason)));
  eventHandler: ConnectionHandler | undefined;
  protocol: ProtocolName | undefined;
  inTls = false;
  readonly #events: ConnectionEvents;
  readonly #writeTimeoutMs: number;
  #writeTimeout: WriteTimeout | undefined;
  #draining = false;
  #reason: CloseReason | undefined;
  #lingeringClose: LingeringClose | undefined;

  constructor(id: number, socket: Socket, writeTimeoutMs: number, events: ConnectionEvents) {
    this.id = id;
    this.socket = socket;
    this.peer = new Peer(socket);
    this.stats = new ConnectionStats(socket);
    this.#events = events;
    this.#writeTimeoutMs = writeTimeoutMs;
    this.#listen(socket);
  }

  /** Why it is ending or has ended; undefined while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#reason;
  }

  get ending(): boolean {
    return this.#reason !== undefined;
  }

  /** Runs `act`; if it throws, only this connection ends. */
  guard(act: () => void): void {
    try {
      act();
    } catch (fault) {
      this.fail(fault);
    }
  }

  /** Ends the connection for a fault in our own code. Never throws, even if sending the error reply fails as well. */
  fail(fault: unknown): void {
    this.#events.fault(this, fault);
    if (this.ending) return;
    try {
      this.eventHandler?.onFault?.();
    } catch {
      // The error reply failed, too. The first fault is logged.
    }
    if (!this.ending) this.destroy('error');
  }

  /** Continues inside TLS: `tlsSocket` ends together with the socket that it wraps. */
  upgradeToTls(tlsSocket: Socket): void {
    this.inTls = true;
    this.protocol = undefined;
    this.socket = tlsSocket;
    this.#writeTimeout = undefined;
    this.#listen(tlsSocket);
  }

  write(buffer: WriteBuffer): void {
    this.stats.observer?.onWrite(buffer.bytes.subarray(0, buffer.length));
    buffer.writeTo(this.socket);
  }

  onTurnEnd(): void {
    this.#notify((handler) => handler.onTurnEnd?.());
  }

  resume(): void {
    if (this.socket.isPaused()) this.socket.resume();
  }

  /** Back-pressure: stops reading, after one more read perhaps. Our kernel's buffer fills, and TCP stops the sender. */
  pause(): void {
    this.socket.pause();
  }

  /** Gives the client `WRITE_TIMEOUT_MS` to read what was written; each byte that it takes starts the time again. */
  startWriteTimeout(): void {
    if (this.#writeTimeout === undefined) {
      // On first use, since few clients read so slowly.
      this.socket.on('drain', () => this.#notify((handler) => handler.onWritable?.()));
      this.#writeTimeout = new WriteTimeout(this.socket, this.#writeTimeoutMs, () => this.destroy('write_timeout'));
    }
    this.#writeTimeout.start();
  }

  clearWriteTimeout(): void {
    this.#writeTimeout?.clear();
  }

  /** Ends so that the final bytes arrive, though the client may still be sending. */
  closeGracefully(reason: CloseReason, finalBytes?: Buffer | string): void {
    if (this.ending) return;
    this.#reason = reason;
    this.#releaseHandler();
    if (finalBytes?.length) this.stats.observer?.onWrite(finalBytes);
    this.#lingeringClose = new LingeringClose(this, { draining: this.#draining }).start(finalBytes);
  }

  /** The server drains: the handler answers its complete messages, then ends. */
  shutdown(): void {
    this.#draining = true;
    this.#lingeringClose?.shorten();
    this.#notify((handler) => handler.shutdown());
  }

  /** Ends without serving the client, which hears why if its protocol is known. */
  deny(reason: CloseReason, detail: string): void {
    this.#notify((handler) => handler.deny(reason, detail));
  }

  destroy(reason: CloseReason): void {
    this.#reason ??= reason;
    this.socket.destroy();
  }

  /** Once for each socket. Events go to the current handler; while there is none, they are dropped. */
  #listen(socket: Socket): void {
    // Never removed: an error without a listener would end the process.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= closeReasonOf(error);
      // Node reports OpenSSL's errors and leaves the socket open.
      socket.destroy();
    });
    socket.on('close', () => {
      if (socket === this.socket) this.#onClosed();
    });
    socket.on('end', () => {
      if (socket === this.socket) this.#notify((handler) => handler.onEnd?.());
    });
    socket.on('data', (bytes: Buffer) => {
      if (socket === this.socket) this.#notify((handler) => handler.onData?.(bytes));
    });
  }

  #onClosed(): void {
    this.#reason ??= 'client_closed';
    this.#releaseHandler();
    this.#lingeringClose?.stop();
    this.guard(() => this.#events.closed(this));
  }

  #notify(tell: (handler: ConnectionHandler) => void): void {
    const { eventHandler } = this;
    if (eventHandler) this.guard(() => tell(eventHandler));
  }

  #releaseHandler(): void {
    this.deadline.stop();
    this.#notify((handler) => handler.detach?.());
    this.eventHandler = undefined;
  }
}
