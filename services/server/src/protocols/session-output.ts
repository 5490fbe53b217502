/** What a session sends in its protocol: replies, error replies, and the farewell that ends it. */
import type { Codec, CodecError } from '@knock/shared/codec/codec';
import { WriteBuffer } from '@knock/shared/codec/write-buffer';

import { type Denial, SHUTTING_DOWN } from '../net/admission.ts';
import type { CloseReason, TimeoutReason } from '../net/close-reason.ts';
import type { Connection } from '../net/connection.ts';
import { logExchange, logFailure } from '../telemetry/access-log.ts';
import type { ProtocolReply, Protocol } from './protocol.ts';
import { HandlerFailure, type HandlerResult } from './run-handler.ts';
import type { SessionOptions } from './session-options.ts';

/** For a handler that failed, or a fault in our own code. */
const NO_REPLY = 'the server failed to answer this message: see its log';

type SessionReplies<Out extends ProtocolReply> = Pick<Protocol<unknown, Out>, 'errorReply' | 'farewell'>;

export class SessionOutput<Out extends ProtocolReply> {
  /** The server drains: the reply to the last message received ends the connection. */
  draining: boolean;
  /** A message was answered since this was last made false. */
  answered = false;
  readonly #connection: Connection;
  readonly #protocol: SessionReplies<Out>;
  readonly #codec: Codec<unknown, Out>;
  readonly #options: SessionOptions;
  /** Checked once: a check per message costs as much as decoding one. */
  readonly #logsExchanges: boolean;
  readonly #buffer = new WriteBuffer();

  constructor(
    connection: Connection,
    protocol: SessionReplies<Out>,
    codec: Codec<unknown, Out>,
    options: SessionOptions,
  ) {
    this.#connection = connection;
    this.#protocol = protocol;
    this.#codec = codec;
    this.#options = options;
    this.#logsExchanges = options.logger.isLevelEnabled('debug');
    this.draining = options.draining;
  }

  get hasUnwritten(): boolean {
    return this.#buffer.length > 0;
  }

  /** The buffer is full: flush it now. */
  get isFull(): boolean {
    return this.#buffer.isFull;
  }

  /** One write for all replies in the buffer. Returns false if the kernel has not taken all of it, because the client does not read. */
  flush(): boolean {
    if (this.#buffer.length === 0) return true;
    this.#connection.write(this.#buffer);
    return this.#connection.socket.writableLength === 0;
  }

  /** Sends the handler's reply. If it failed, or its reply cannot be encoded: error `failed`, and the session goes on. */
  reply(message: string, result: HandlerResult): void {
    if (result instanceof HandlerFailure) return this.#fail(result.error);
    const last = this.#isLast;
    try {
      this.#codec.encode(result, this.#buffer, last);
    } catch (error) {
      return this.#fail(error);
    }
    this.#connection.stats.recordReply(result);
    if (this.#logsExchanges) logExchange(this.#options.logger, this.#connection, message, result);
    return this.#onReplied(last);
  }

  /** Sends a reply of the protocol itself. */
  send(reply: Out): void {
    if (reply.ends !== undefined) return this.end(reply.ends, reply);
    const last = this.#isLast;
    this.#encode(reply, last);
    return reply.interim || reply.takeOver ? undefined : this.#onReplied(last);
  }

  /** The input is invalid. `atEnd`: it ended in the middle of a message. */
  onDecodeError(error: CodecError, atEnd: boolean): void {
    const reply = this.#protocol.errorReply(error.code, error.message, error);
    if (!error.fatal) this.send(reply);
    else if (error.code === 'too_large') this.end('too_large', reply);
    else this.end(atEnd ? 'truncated' : 'malformed', reply);
  }

  /** Ends the session, with this reply as its last if there is one. */
  end(reason: CloseReason, reply?: Out): void {
    if (reply !== undefined) this.#encode(reply, true);
    this.#connection.closeGracefully(reason, this.#buffer.take());
  }

  /** Ends with the protocol's farewell, such as goaway. Only while no handler runs: it says that nothing unanswered was handled. */
  endWithFarewell(reason: CloseReason, detail: string): void {
    this.end(reason, this.#protocol.farewell(this.#codec.hasPartial, detail));
  }

  /** Ends the session of a denied client: with `busy` or `tls`, in a drain with the protocol's farewell if it has one. */
  deny({ reason, code, detail }: Denial): void {
    const farewell = reason === 'drained' ? this.#protocol.farewell(true, detail) : undefined;
    this.end(reason, farewell ?? this.#protocol.errorReply(code, detail));
  }

  onTimeout(reason: TimeoutReason): void {
    const { MESSAGE_TIMEOUT_MS, HANDLER_TIMEOUT_MS } = this.#options.settings;
    if (reason === 'message_timeout') {
      const advice = 'check the length that was announced, or end the line with LF';
      const detail = `message incomplete after ${MESSAGE_TIMEOUT_MS} ms (MESSAGE_TIMEOUT_MS): ${advice}`;
      this.end(reason, this.#protocol.errorReply('timeout', detail));
    } else if (reason === 'handler_timeout') {
      const detail = `no reply within ${HANDLER_TIMEOUT_MS} ms (HANDLER_TIMEOUT_MS): the message may have been handled`;
      this.#encode(this.#protocol.errorReply('failed', detail), true);
      // The goaway distinguishes this error from one after which the session goes on.
      this.end(reason, this.#protocol.farewell(false, ''));
    } else {
      this.endWithFarewell(reason === 'drain_grace' ? 'drained' : reason, SHUTTING_DOWN.detail);
    }
  }

  /** Sends nothing once the codec is over: an error would be read as part of the last, or of a streamed, response. */
  onFault(): void {
    this.end('error', this.#codec.over ? undefined : this.#protocol.errorReply('failed', NO_REPLY));
  }

  #fail(error: unknown): void {
    logFailure(this.#options.logger, this.#connection, error);
    this.send(this.#protocol.errorReply('failed', NO_REPLY));
  }

  #encode(reply: Out, last: boolean): void {
    const { code, detail = '' } = reply;
    this.#codec.encode(reply, this.#buffer, last);
    if (code !== undefined) this.#connection.stats.recordErrorReply(code, detail);
  }

  get #isLast(): boolean {
    return this.draining && !this.#codec.hasPartial;
  }

  #onReplied(last: boolean): void {
    this.answered = true;
    if (this.#codec.over) this.end(last ? 'drained' : 'completed');
  }
}
