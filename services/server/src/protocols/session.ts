/**
 * A session in any protocol: bytes become messages, messages become replies, one at a time and in order.
 *
 * Back-pressure bounds its memory. While a message is being answered, or the client does not read its replies, nothing more
 * is decoded. The socket is paused, at the latest when more bytes arrive, and TCP holds the client back.
 */
import { type Codec, CodecError } from '@knock/shared/codec/codec';

import { type Denial, SHUTTING_DOWN } from '../net/admission.ts';
import type { CloseReason, TimeoutReason } from '../net/close-reason.ts';
import type { ConnectionHandler } from '../net/connection-handler.ts';
import type { Connection } from '../net/connection.ts';
import { logRead } from '../telemetry/access-log.ts';
import type { ProtocolReply, Protocol } from './protocol.ts';
import { HandlerRunner } from './run-handler.ts';
import { SessionDeadlines } from './session-deadlines.ts';
import type { SessionOptions } from './session-options.ts';
import { SessionOutput } from './session-output.ts';

export class Session<In, Out extends ProtocolReply> implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #protocol: Protocol<In, Out>;
  readonly #options: SessionOptions;
  readonly #codec: Codec<In, Out>;
  readonly #runner: HandlerRunner;
  readonly #output: SessionOutput<Out>;
  readonly #deadlines: SessionDeadlines;
  #denial: Denial | undefined;
  /** What stops decoding: the current message has no answer yet, or the client does not read its replies. */
  #blockedOn: 'answer' | 'write' | undefined;
  /** The client closed its side (half-close), or ended its message with a pause: later bytes are ignored. */
  #inputEnded = false;
  #codecEnded = false;

  constructor(connection: Connection, protocol: Protocol<In, Out>, options: SessionOptions) {
    this.#connection = connection;
    this.#protocol = protocol;
    this.#options = options;
    this.#codec = protocol.open();
    this.#runner = new HandlerRunner(connection, options);
    this.#output = new SessionOutput(connection, protocol, this.#codec, options);
    this.#deadlines = new SessionDeadlines(connection, options.settings, () => connection.guard(() => this.onEnd()));
    this.#denial = options.denial;
  }

  /** `head`: the bytes that the detector read. `messageComplete`: the client paused or closed its side after them. */
  begin(head: Buffer, messageComplete: boolean): void {
    this.#connection.eventHandler = this;
    this.#inputEnded = messageComplete;
    // The pause ended the only message: nothing more is read.
    if (messageComplete) this.#connection.pause();
    this.#codec.push(head);
    if (this.#denial && this.#protocol.answersDenied === undefined) this.#output.deny(this.#denial);
    else this.#process();
  }

  onData(bytes: Buffer): void {
    if (this.#inputEnded) return;
    this.#connection.stats.recordRead(bytes);
    logRead(this.#options.logger, this.#connection, bytes);
    this.#codec.push(bytes);
    if (this.#blockedOn) this.#connection.pause();
    else this.#process();
  }

  onEnd(): void {
    this.#inputEnded = true;
    if (!this.#blockedOn) this.#process();
  }

  onTurnEnd(): void {
    this.#flush();
    if (this.#blockedOn === 'write') this.#wait();
  }

  onWritable(): void {
    if (this.#blockedOn !== 'write') return;
    this.#blockedOn = undefined;
    this.#connection.clearWriteTimeout();
    this.#process();
  }

  shutdown(): void {
    this.#output.draining = true;
    if (!this.#blockedOn) this.#process();
  }

  deny(reason: CloseReason, detail: string): void {
    this.#output.endWithFarewell(reason, detail);
  }

  onTimeout(reason: TimeoutReason): void {
    this.#output.onTimeout(reason);
  }

  onFault(): void {
    this.#output.onFault();
  }

  detach(): void {
    this.#deadlines.stop();
  }

  /** Answers complete messages until one has to wait or none is left, then starts the deadline for what comes next. */
  #process(): void {
    this.#runner.startBatch();
    this.#output.answered = false;
    while (!this.#blockedOn && this.#connection.eventHandler === this && this.#processNext()) {
      if (this.#output.isFull) this.#flush();
    }
    if (this.#connection.eventHandler !== this) return;
    if (this.#output.hasUnwritten) this.#options.pendingWrites.add(this.#connection);
    this.#wait();
  }

  /** Returns false when more bytes are needed. */
  #processNext(): boolean {
    try {
      const input = this.#decode();
      if (input === undefined) return false;
      this.#answer(input);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#output.onDecodeError(error, this.#codecEnded);
    }
    return true;
  }

  #decode(): In | undefined {
    const input = this.#codec.next();
    if (input !== undefined || !this.#inputEnded || this.#codecEnded) return input;
    this.#codecEnded = true;
    return this.#codec.end();
  }

  #answer(input: In): void {
    if (this.#denial && !this.#protocol.answersDenied?.(input, this.#connection, this.#denial))
      return this.#output.deny(this.#denial);
    const answer = this.#protocol.answer(input, this.#connection);
    if (typeof answer === 'string') return this.#handle(answer);
    if (answer instanceof Promise) return this.#await(answer, (reply) => this.#send(reply));
    return answer && this.#send(answer);
  }

  #handle(message: string): void {
    if (this.#connection.stats.messages === 0) {
      const denial = this.#options.onFirstMessage(this.#connection);
      if (denial) return this.#output.deny(denial);
    }
    this.#connection.stats.recordMessage(message);
    const result = this.#runner.run(message);
    if (!(result instanceof Promise)) return this.#output.reply(message, result);
    return this.#await(result, (late) => this.#output.reply(message, late));
  }

  /** The promise resolves with undefined if the connection has ended meanwhile. */
  #await<Answer>(promise: Promise<Answer | undefined>, take: (answer: Answer) => void): void {
    this.#blockedOn = 'answer';
    promise
      .then((answer) => {
        if (answer === undefined || this.#connection.eventHandler !== this) return;
        this.#blockedOn = undefined;
        take(answer);
        this.#process();
      })
      .catch((fault: unknown) => this.#connection.fail(fault));
  }

  #send(reply: Out): void {
    this.#output.send(reply);
    if (!reply.takeOver) return;
    this.#flush();
    this.detach();
    this.#connection.deadline.stop();
    this.#connection.eventHandler = reply.takeOver(this.#connection);
    this.#connection.resume();
    if (this.#output.draining) this.#connection.eventHandler.shutdown();
  }

  #flush(): void {
    if (!this.#output.flush()) this.#blockedOn ??= 'write';
  }

  #wait(): void {
    if (this.#blockedOn === 'write') this.#deadlines.awaitWrite();
    else if (this.#blockedOn === 'answer') this.#deadlines.awaitAnswer();
    else if (this.#codecEnded) this.#output.end('completed');
    else if (this.#output.draining && !this.#codec.idleEndsMessage) this.#waitInDrain();
    else this.#deadlines.awaitBytes(this.#codec, this.#output.answered);
  }

  /** Every complete message is answered. */
  #waitInDrain(): void {
    const { drainGraceMs } = this.#protocol;
    if (drainGraceMs === undefined || this.#codec.hasPartial)
      return this.#output.endWithFarewell('drained', SHUTTING_DOWN.detail);
    this.#denial ??= SHUTTING_DOWN;
    return this.#deadlines.awaitDrain(drainGraceMs);
  }
}
