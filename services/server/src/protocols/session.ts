/**
 * A session in any protocol: bytes become messages, messages become replies, one at a time and in order.
 *
 * Back-pressure bounds its memory. While a message is being answered, or the client does not read its replies, nothing more
 * is decoded. The next read then pauses the socket, and TCP holds the client back.
 */
import { type Codec, CodecError } from '@knock/shared/codec/codec';

import { type Denial, LEAVING } from '../net/admission.ts';
import type { CloseReason, TimeoutReason } from '../net/close-reason.ts';
import type { ConnectionHandler } from '../net/connection-handler.ts';
import type { Connection } from '../net/connection.ts';
import { logRead } from '../telemetry/access-log.ts';
import type { OwnReply, Protocol } from './protocol.ts';
import { HandlerRunner } from './run-handler.ts';
import { SessionDeadlines } from './session-deadlines.ts';
import type { SessionOptions } from './session-options.ts';
import { SessionOutput } from './session-output.ts';

export class Session<In, Out extends OwnReply> implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #protocol: Protocol<In, Out>;
  readonly #options: SessionOptions;
  readonly #codec: Codec<In, Out>;
  readonly #runner: HandlerRunner;
  readonly #output: SessionOutput<Out>;
  readonly #deadlines: SessionDeadlines;
  #denial: Denial | undefined;
  /** Why the next message is not decoded yet: this one has no answer, or the client does not read its replies. */
  #blockedOn: 'answer' | 'write' | undefined;
  /** The client closed its side (half-close), or ended its message with a pause: later bytes are ignored. */
  #inputEnded = false;
  #inputConsumed = false;

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

  /** `head`: the bytes that the detector read. `messageComplete`: the client then paused, or closed its side. */
  begin(head: Buffer, messageComplete: boolean): void {
    this.#connection.handler = this;
    this.#inputEnded = messageComplete;
    // What follows a message that a pause ended is not read as a second one.
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

  onDrain(): void {
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

  /** Answers every message that has come, then waits for what has to happen next. */
  #process(): void {
    this.#runner.startBatch();
    this.#output.answered = false;
    while (!this.#blockedOn && this.#connection.handler === this && this.#processNext()) {
      if (this.#output.isFull) this.#flush();
    }
    if (this.#connection.handler !== this) return;
    if (this.#output.hasUnwritten) this.#options.pendingWrites.add(this.#connection);
    this.#wait();
  }

  /** False: more bytes are needed. */
  #processNext(): boolean {
    try {
      const input = this.#decode();
      if (input === undefined) return false;
      this.#answer(input);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#output.onDecodeError(error, this.#inputConsumed);
    }
    return true;
  }

  #decode(): In | undefined {
    const input = this.#codec.next();
    if (input !== undefined || !this.#inputEnded || this.#inputConsumed) return input;
    this.#inputConsumed = true;
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
        if (answer === undefined || this.#connection.handler !== this) return;
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
    this.#connection.handler = reply.takeOver(this.#connection);
    this.#connection.resume();
    if (this.#output.draining) this.#connection.handler.shutdown();
  }

  #flush(): void {
    if (!this.#output.flush()) this.#blockedOn ??= 'write';
  }

  #wait(): void {
    if (this.#blockedOn === 'write') this.#deadlines.awaitWrite();
    else if (this.#blockedOn === 'answer') this.#deadlines.awaitAnswer();
    else if (this.#inputConsumed) this.#output.end('completed');
    else if (this.#output.draining && !this.#codec.idleEndsMessage) this.#waitInDrain();
    else this.#deadlines.awaitBytes(this.#codec, this.#output.answered);
  }

  /** Everything that has come is answered. */
  #waitInDrain(): void {
    const { drainGraceMs } = this.#protocol;
    if (drainGraceMs === undefined || this.#codec.hasPartial)
      return this.#output.endWithFarewell('drained', LEAVING.detail);
    this.#denial ??= LEAVING;
    return this.#deadlines.awaitDrain(drainGraceMs);
  }
}
