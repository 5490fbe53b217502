/**
 * A lingering close: the final bytes arrive although the client is still sending.
 *
 * To destroy a socket with unread input resets the connection, and a reset makes the client's kernel drop what its program
 * has not read yet. So we close our side (half-close), and discard what the client still sends, for 1 s at most.
 */
import type { Socket } from 'node:net';

const LINGER_MS = 1000;
const LINGER_WHILE_DRAINING_MS = 200;

/** What a close needs of its connection. */
interface ClosingConnection {
  readonly socket: Socket;
  readonly inTls: boolean;
  pause(): void;
  resume(): void;
  startWriteTimeout(): void;
  clearWriteTimeout(): void;
}

export class LingeringClose {
  readonly #connection: ClosingConnection;
  #lingerMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: ClosingConnection, { draining }: { draining: boolean }) {
    this.#connection = connection;
    this.#lingerMs = draining ? LINGER_WHILE_DRAINING_MS : LINGER_MS;
  }

  start(finalBytes: Buffer | string = ''): this {
    const connection = this.#connection;
    const { socket } = connection;
    socket.once('finish', () => this.#onFinished());
    // Without an argument where there is nothing to send: an empty write is a write of its own.
    if (finalBytes.length > 0) socket.end(finalBytes);
    else socket.end();
    if (socket.writableLength > 0) {
      // Reads would restart the write timeout.
      connection.pause();
      connection.startWriteTimeout();
    } else {
      connection.resume();
      // Inside TLS, Node emits no 'finish' where the client's reset came before our end.
      this.#linger();
    }
    return this;
  }

  /** The server drains: lingers no longer than 200 ms from now. */
  shorten(): void {
    this.#lingerMs = LINGER_WHILE_DRAINING_MS;
    if (this.#timer) this.#linger();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #onFinished(): void {
    const { socket } = this.#connection;
    this.#connection.clearWriteTimeout();
    if (socket.bytesWritten === 0) {
      // Nothing was written, so a reset loses nothing.
      socket.destroy();
      return;
    }
    this.#connection.resume();
    this.#linger();
  }

  #linger(): void {
    const { socket, inTls } = this.#connection;
    if (socket.readableEnded && !inTls) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => socket.destroy(), this.#lingerMs);
  }
}
