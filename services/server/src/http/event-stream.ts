/**
 * A connection that streams Server-Sent Events until the client leaves or the server drains. Input is discarded, and
 * half-close by the client does not end the stream.
 */
import { chunkOf, LAST_CHUNK } from '@knock/shared/codec/http/response';

import type { CloseReason } from '../net/close-reason.ts';
import type { ConnectionHandler } from '../net/connection-handler.ts';
import type { Connection } from '../net/connection.ts';

/** Where events are written. */
export interface EventSink {
  write: (text: string) => void;
  /** Written and not yet taken by the client's kernel, in bytes. */
  readonly bufferedBytes: number;
  /** Disconnects a client that does not read. */
  cutOff: () => void;
  /** Ends the connection for a fault in our own code. */
  fail: (fault: unknown) => void;
}

export class EventStream implements ConnectionHandler, EventSink {
  readonly #connection: Connection;
  /** False for HTTP/1.0, which has no chunks: the body ends with the connection (RFC 9112 section 6.3). */
  readonly #chunked: boolean;
  #onEnd: (() => void) | undefined;

  /** `join` subscribes this stream, and returns what to call when the stream ends. */
  constructor(connection: Connection, chunked: boolean, join: (sink: EventSink) => () => void) {
    this.#connection = connection;
    this.#chunked = chunked;
    this.#onEnd = join(this);
  }

  write(text: string): void {
    const { socket } = this.#connection;
    const waits = socket.writableLength > 0;
    socket.write(this.#chunked ? chunkOf(text) : text);
    if (socket.writableLength === 0 || waits) return;
    // Once, and without reads: neither events nor what the client sends may restart the timeout of a slow reader.
    this.#connection.pause();
    this.#connection.startWriteTimeout();
  }

  get bufferedBytes(): number {
    return this.#connection.socket.writableLength;
  }

  cutOff(): void {
    this.#connection.destroy('write_timeout');
  }

  fail(fault: unknown): void {
    this.#connection.fail(fault);
  }

  onWritable(): void {
    this.#connection.clearWriteTimeout();
    this.#connection.resume();
  }

  shutdown(): void {
    this.deny('drained');
  }

  /** Sends the last chunk, so that the client sees a complete response. */
  deny(reason: CloseReason): void {
    this.#connection.closeGracefully(reason, this.#chunked ? LAST_CHUNK : '');
  }

  detach(): void {
    this.#onEnd?.();
    this.#onEnd = undefined;
  }
}
