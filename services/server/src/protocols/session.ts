/**
 * A session in any protocol: bytes become messages, messages become replies, one at a time and in order.
 *
 * Its memory is bounded. While the handler has a message, or the client does not take its replies, nothing more is decoded
 * and soon nothing more is read, so the client's own kernel holds it back.
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
  /** What keeps the next message from being decoded: this one's answer, or replies that the client has not taken. */
  #blockedOn: 'answer' | 'write' | undefined;
  /** No more bytes count: the client closed its side, or ended its message by a pause. */
  #inputEnded = false;
  /** The last message was decoded. */
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

  /** `head`: the bytes that were read. `messageComplete`: its client has paused, or closed its side. */
  begin(head: Buffer, messageComplete: boolean): void {
    this.#connection.handler = this;
    this.#inputEnded = messageComplete;
    // What follows a first message that ended by a pause is not taken for a second one.
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

  /** Answers every message that has come, then waits for whatever has to happen next. */
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
    if (this.#denial && !this.#protocol.answersDenied?.(input, this.#connection, this.#denial)) {
      this.#output.deny(this.#denial);
      return;
    }
    const answer = this.#protocol.answer(input, this.#connection);
    if (typeof answer === 'string') this.#handle(answer);
    else if (answer instanceof Promise) this.#await(answer, (reply) => this.#send(reply));
    else if (answer !== undefined) this.#send(answer);
  }

  #handle(message: string): void {
    if (this.#connection.stats.messages === 0) {
      const denial = this.#options.serve(this.#connection);
      if (denial) return this.#output.deny(denial);
    }
    this.#connection.stats.recordMessage(message);
    const result = this.#runner.run(message);
    if (!(result instanceof Promise)) return this.#output.reply(message, result);
    return this.#await(result, (late) => this.#output.reply(message, late));
  }

  /** A promise of undefined: the connection has ended meanwhile. */
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
    if (reply.takeOver) this.#handOver(reply.takeOver);
  }

  #handOver(takeOver: (connection: Connection) => ConnectionHandler): void {
    this.#flush();
    this.detach();
    this.#connection.deadline.stop();
    const handler = takeOver(this.#connection);
    this.#connection.handler = handler;
    this.#connection.resume();
    if (this.#output.draining) handler.shutdown();
  }

  /** What the kernel does not take at once waits for the client to read. */
  #flush(): void {
    if (!this.#output.flush()) this.#blockedOn ??= 'write';
  }

  /** Decides what this connection waits for now: exactly one thing, under one deadline. */
  #wait(): void {
    if (this.#blockedOn === 'write') this.#deadlines.awaitWrite();
    else if (this.#blockedOn === 'answer') this.#deadlines.awaitAnswer();
    else if (this.#inputConsumed) this.#output.end('completed');
    else if (this.#output.draining && !this.#codec.idleEndsMessage) this.#waitInDrain();
    else this.#deadlines.awaitBytes(this.#codec, this.#output.answered);
  }

  /** Everything that had come is answered. */
  #waitInDrain(): void {
    const { drainGraceMs } = this.#protocol;
    if (drainGraceMs === undefined || this.#codec.hasPartial) {
      this.#output.endWithFarewell('drained', LEAVING.detail);
    } else {
      this.#denial ??= LEAVING;
      this.#deadlines.awaitDrain(drainGraceMs);
    }
  }
}
