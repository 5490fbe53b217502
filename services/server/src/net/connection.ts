/** One client's socket: what is known of it, its one deadline, and how it ends. */
import type { Socket } from 'node:net';

import type { WriteBuffer } from '@knock/shared/codec/write-buffer';
import { excerpt } from '@knock/shared/log/excerpt';
import { isLoopback } from '@knock/shared/replica-names';

import type { ClientInfo } from '../handler.ts';
import type { ProtocolName } from '../protocols/detect.ts';
import type { ServerSettings } from '../settings.ts';
import type { CloseReason, TimeoutReason } from './close-reason.ts';
import { Deadline } from './deadline.ts';

/** Who handles what a connection's client does: the detector first, then a session. */
export interface ConnectionHandler {
  /** Bytes have come. */
  onData?(bytes: Buffer): void;
  /** The client has closed its side: no more bytes will come. */
  onEnd?(): void;
  /** Its turn to write has come: see {@link PendingWrites}. */
  onTurnEnd?(): void;
  /** The kernel has taken all that was written, after there was more than it took at once. */
  onDrain?(): void;
  /** The connection's timeout ran out. */
  onTimeout(reason: TimeoutReason): void;
  /** The server leaves: answer what was wholly heard, then end. */
  shutdown(): void;
  /** The client is given up before it was served: end, and say so where its protocol is known. */
  deny(reason: CloseReason, detail: string): void;
  /** A fault in our own code ends the connection: say so where the protocol has words for it. May fail itself. */
  onFault?(): void;
  /** The connection ends, or gets another handler: wait for nothing any more. */
  detach(): void;
}

/** Looks on at one connection, for whoever watches the server. */
export interface ConnectionObserver {
  onRead(bytes: Buffer): void;
  onMessage(message: string): void;
  onReply(reply: string): void;
  onErrorReply(code: string): void;
  onWrite(bytes: Buffer | string): void;
}

/** What the server wants to know of each connection. */
interface ConnectionEvents {
  /** Called once, when the connection has ended. */
  closed: (connection: Connection) => void;
  /** What was thrown by our own code, and not foreseen. */
  fault: (connection: Connection, fault: unknown) => void;
}

/** How long what a client still sends is read and thrown away once our last words are out. */
const LINGER_MS = 1000;
const LINGER_WHILE_DRAINING_MS = 200;

/** The write timeout runs in slices, so that a client is given up soon after its time, and not at the next look. */
const WRITE_TIMEOUT_TICKS = 40;
const MIN_TICK_MS = 100;

const NONE: ReadonlyMap<string, number> = new Map();

export class Connection {
  readonly id: number;
  /** The client's socket, or, since its handshake, what is inside TLS. */
  socket: Socket;
  readonly address: string;
  /** The client's port; undefined where it was gone before it was looked at. */
  readonly port: number | undefined;
  readonly openedAt = performance.now();
  /** One timeout at a time, since a connection waits for one thing at a time. */
  readonly deadline = new Deadline<TimeoutReason>((reason) => this.#notify((handler) => handler.onTimeout(reason)));
  handler: ConnectionHandler | undefined;
  protocol: ProtocolName | undefined;
  /** What the kernel knows: all bytes are counted here, as they are on the network. */
  readonly #rawSocket: Socket;
  readonly #events: ConnectionEvents;
  inTls = false;
  /** Set only while somebody watches this connection, so that nobody else pays for it. */
  observer: ConnectionObserver | undefined;
  reads = 0;
  messages = 0;
  /** Requests that only look, and are no messages: those of health checks, and those for the page. */
  probes = 0;
  /** What was said first, fit for the log: the whole of it would be kept for as long as the connection lives. */
  firstMessage: string | undefined;
  firstReply: string | undefined;
  lastErrorReply: { code: string; detail: string } | undefined;
  /** The client's name, as soon as somebody has found it out. */
  name: string | undefined;
  #paused = false;
  #watchesWrites = false;
  #errorReplies: Map<string, number> | undefined;
  readonly #writeTimeoutMs: number;
  /** The write timeout: since when the client has read nothing, as far as is known; and when the slice began. */
  #idleSince = 0;
  #tickStartedAt = 0;
  #reason: CloseReason | undefined;
  #lingering: NodeJS.Timeout | undefined;
  #lingerMs = LINGER_MS;
  #aborter: AbortController | undefined;

  constructor(
    id: number,
    socket: Socket,
    { WRITE_TIMEOUT_MS }: Pick<ServerSettings, 'WRITE_TIMEOUT_MS'>,
    events: ConnectionEvents,
  ) {
    this.id = id;
    this.socket = socket;
    this.#rawSocket = socket;
    this.#events = events;
    // An IPv4 client on a socket for both families comes as ::ffff:192.0.2.1.
    this.address = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
    this.port = socket.remotePort;
    this.#writeTimeoutMs = WRITE_TIMEOUT_MS;
    this.#listen(socket);
  }

  #listen(socket: Socket): void {
    // Never removed: a socket that fails in the moment between two handlers would end the whole program.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= reasonOf(error);
      // OpenSSL's errors are told by Node without an end of the socket.
      socket.destroy();
    });
    socket.on('close', () => {
      if (socket === this.socket) this.#end();
    });
    socket.on('end', () => {
      if (socket === this.socket) this.#notify((handler) => handler.onEnd?.());
    });
    // Once for its whole life, whatever its handler: what comes while it has none is discarded.
    socket.on('data', (bytes: Buffer) => {
      if (socket === this.socket) this.#notify((handler) => handler.onData?.(bytes));
    });
  }

  /** Only once somebody has to be waited for, as few have. */
  #watchWrites(): void {
    if (this.#watchesWrites) return;
    this.#watchesWrites = true;
    this.socket.on('timeout', () => this.#onTick());
    this.socket.on('drain', () => this.#notify((handler) => handler.onDrain?.()));
  }

  #end(): void {
    this.#reason ??= 'client_closed';
    this.#releaseHandler();
    clearTimeout(this.#lingering);
    this.#aborter?.abort();
    this.guard(() => this.#events.closed(this));
  }

  #notify(tell: (handler: ConnectionHandler) => void): void {
    const { handler } = this;
    if (handler) this.guard(() => tell(handler));
  }

  /** Around all that is done for this connection: a fault in our own code costs it, and no other. */
  guard(act: () => void): void {
    try {
      act();
    } catch (fault) {
      this.fail(fault);
    }
  }

  /** For a fault in our own code. Never throws, though the fault may be in what says so to the client. */
  fail(fault: unknown): void {
    this.#events.fault(this, fault);
    if (this.ending) return;
    try {
      this.handler?.onFault?.();
    } catch {
      // It was logged, and there is nothing else to say.
    }
    if (!this.ending) this.destroy('error');
  }

  /** Goes on inside TLS: from now on its socket is that one, which ends together with the one around it. */
  upgradeToTls(tlsSocket: Socket): void {
    this.inTls = true;
    this.protocol = undefined;
    this.socket = tlsSocket;
    this.#paused = false;
    this.#watchesWrites = false;
    this.#listen(tlsSocket);
  }

  /** Whether the client is on this very machine. */
  get isLocal(): boolean {
    const { localAddress, remoteAddress } = this.socket;
    return isLoopback(this.address) || (remoteAddress !== undefined && remoteAddress === localAddress);
  }

  /** What people call the client. */
  get who(): string {
    return this.name ?? this.address;
  }

  /** Why it is ending or has ended; undefined while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#reason;
  }

  get bytesIn(): number {
    return this.#rawSocket.bytesRead;
  }

  get bytesOut(): number {
    return this.#rawSocket.bytesWritten;
  }

  /** How often each code was said. */
  get errorReplies(): ReadonlyMap<string, number> {
    return this.#errorReplies ?? NONE;
  }

  get ending(): boolean {
    return this.#reason !== undefined;
  }

  /** Aborts when the client is gone. Made when it is first asked for, since few handlers ask. */
  get signal(): AbortSignal {
    this.#aborter ??= new AbortController();
    if (this.socket.destroyed) this.#aborter.abort();
    return this.#aborter.signal;
  }

  recordRead(bytes: Buffer): void {
    this.reads += 1;
    this.observer?.onRead(bytes);
  }

  recordMessage(message: string): void {
    this.messages += 1;
    this.firstMessage ??= excerpt(message);
    this.observer?.onMessage(message);
  }

  recordReply(reply: string): void {
    this.firstReply ??= excerpt(reply);
    this.observer?.onReply(reply);
  }

  /** `detail`: what the client was told behind it, fit for the log. */
  recordErrorReply(code: string, detail: string): void {
    this.#errorReplies ??= new Map();
    this.#errorReplies.set(code, (this.#errorReplies.get(code) ?? 0) + 1);
    this.lastErrorReply = { code, detail };
    this.observer?.onErrorReply(code);
  }

  write(buffer: WriteBuffer): void {
    this.observer?.onWrite(buffer.bytes.subarray(0, buffer.length));
    buffer.writeTo(this.socket);
  }

  /** The turn of the event loop in which replies were made is at its end. */
  onTurnEnd(): void {
    this.#notify((handler) => handler.onTurnEnd?.());
  }

  /** Reads on. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  /** Stops reading: no more than one read's bytes still come, since the stream's own buffer takes no more. */
  pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  /** Gives the client `WRITE_TIMEOUT_MS`, started again by each byte that its kernel takes, to read what was written. */
  startWriteTimeout(): void {
    this.#watchWrites();
    this.#idleSince = performance.now();
    this.#startTick();
  }

  /** The client has read what was written. */
  clearWriteTimeout(): void {
    this.socket.setTimeout(0);
  }

  /**
   * Says the last words and ends, so that they arrive: what the client still sends is thrown away for a while. To
   * destroy a socket that has unread input resets the connection, and a reset makes the client's kernel forget what
   * its program had not read yet.
   */
  closeGracefully(reason: CloseReason, finalBytes?: Buffer | string): void {
    if (this.ending) return;
    this.#reason = reason;
    this.#releaseHandler();
    const { socket } = this;
    socket.once('finish', () => {
      this.clearWriteTimeout();
      // Who was told nothing has nothing to lose.
      if (socket.bytesWritten === 0) {
        socket.destroy();
        return;
      }
      this.resume();
      this.#linger();
    });
    if (finalBytes?.length) {
      this.observer?.onWrite(finalBytes);
      socket.end(finalBytes);
    } else {
      // Not with nothing, which would be a write of its own.
      socket.end();
    }
    // Until the client has taken everything nothing is read, since reading would start its write timeout again.
    if (socket.writableLength > 0) {
      this.pause();
      this.startWriteTimeout();
    } else {
      this.resume();
      // Inside TLS, where the client's reset has come before our end, Node never tells that it is finished.
      this.#linger();
    }
  }

  /** The server leaves: the connection ends when what has come is answered, and lingers no longer than it has to. */
  shutdown(): void {
    this.#lingerMs = LINGER_WHILE_DRAINING_MS;
    if (this.#lingering) this.#linger();
    this.#notify((handler) => handler.shutdown());
  }

  /** Ends before it was served; the client hears why where its protocol is known. */
  deny(reason: CloseReason, detail: string): void {
    this.#notify((handler) => handler.deny(reason, detail));
  }

  /** Ends at once, without a word. */
  destroy(reason: CloseReason): void {
    this.#reason ??= reason;
    this.socket.destroy();
  }

  #releaseHandler(): void {
    this.deadline.stop();
    this.#notify((handler) => handler.detach());
    this.handler = undefined;
  }

  /** Waits for the client to close its side, where it has not. */
  #linger(): void {
    if (this.socket.readableEnded && !this.inTls) return;
    clearTimeout(this.#lingering);
    this.#lingering = setTimeout(() => this.socket.destroy(), this.#lingerMs);
  }

  get #tickMs(): number {
    return Math.max(MIN_TICK_MS, Math.ceil(this.#writeTimeoutMs / WRITE_TIMEOUT_TICKS));
  }

  #startTick(): void {
    this.#tickStartedAt = performance.now();
    this.socket.setTimeout(this.#tickMs);
  }

  /**
   * Node says so only if the kernel took nothing in all of it; else it starts another slice by itself, which makes this
   * one late. Late it is as well when the container was paused, and then nobody could read: the count begins anew.
   */
  #onTick(): void {
    const now = performance.now();
    // Measured, since slices that are all a little late would add up.
    if (now - this.#tickStartedAt > 1.9 * this.#tickMs) this.#idleSince = now - this.#tickMs;
    // A timer may come a millisecond early.
    if (now - this.#idleSince >= this.#writeTimeoutMs - 2) this.destroy('write_timeout');
    else this.#startTick();
  }
}

/** What a handler gets to know of the one who speaks. (A plain object with a getter would cost each connection 700 bytes: V8 shares its shape with no other.) */
export class ConnectedClient implements ClientInfo {
  readonly id: number;
  readonly address: string;
  readonly protocol: ClientInfo['protocol'];
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.id = connection.id;
    this.address = connection.address;
    this.protocol = connection.protocol as ClientInfo['protocol'];
    this.#connection = connection;
  }

  get signal(): AbortSignal {
    return this.#connection.signal;
  }
}

function reasonOf({ code = '' }: NodeJS.ErrnoException): CloseReason {
  // The client broke off, or its network is gone: keep-alive's probes were not answered.
  if (['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code)) return 'client_closed';
  return code.startsWith('ERR_SSL_') ? 'tls_error' : 'error';
}
