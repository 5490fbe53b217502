/**
 * A conversation in frames or text: bytes become messages, messages become replies, one at a time and in order.
 *
 * It never grows: while a handler runs, or the caller does not take its replies, nothing more is decoded and soon
 * nothing more is read, so that the caller's own kernel holds it back.
 */
import { type Codec, CodecError, GOAWAY, Refusal } from '@knock/shared/codec';
import type { Logger } from '@knock/shared/log';
import { Unsent } from '@knock/shared/unsent';

import { Clock } from './clock.ts';
import type { CloseReason, TimeoutReason } from './close-reason.ts';
import { logExchange, logFailure, logLateHandler, logRead } from './connection-log.ts';
import { type Connection, KnownCaller, type Owner } from './connection.ts';
import type { Caller, Handler } from './handler.ts';
import type { HandlingTime } from './handling-time.ts';
import { NO_REPLY, noReplyWithin, replyOf } from './reply.ts';
import type { ServerSettings } from './settings.ts';

type ConversationSettings = Pick<
  ServerSettings,
  'MESSAGE_TIMEOUT_MS' | 'HANDLER_TIMEOUT_MS' | 'IDLE_TIMEOUT_MS' | 'QUIET_MS'
>;

export interface ConversationOptions {
  codec: Codec<string>;
  handler: Handler;
  settings: ConversationSettings;
  logger: Logger;
  handling: HandlingTime;
}

/** What the door has seen of the stream when a conversation begins. */
export interface Beginning {
  /** The bytes that were read. */
  head: Buffer;
  /** Whether the caller's first message is known to be complete: it paused, or closed its side. */
  ended: boolean;
}

export class Conversation implements Owner {
  readonly #connection: Connection;
  readonly #codec: Codec<string>;
  readonly #handler: Handler;
  readonly #caller: Caller;
  readonly #settings: ConversationSettings;
  readonly #logger: Logger;
  /** Asked once: to ask for each message would cost as much as to decode it. */
  readonly #logsExchanges: boolean;
  readonly #logsReads: boolean;
  readonly #handling: HandlingTime;
  readonly #unsent = new Unsent();
  /** Only where a pause ends a message. */
  #quiet: Clock<'quiet'> | undefined;
  /** What keeps the next message from being decoded: the handler has one, or the replies wait for the caller to read. */
  #busyWith: 'handler' | 'reader' | undefined;
  /** No more bytes count: the caller closed its side, or ended its message by a pause. */
  #inputEnded = false;
  /** The last message was heard. */
  #heardAll = false;
  #draining = false;
  /** Of those that are read together and answered at once only the first is timed: a look at the clock costs as much as they do. */
  #timed = false;

  constructor(connection: Connection, { codec, handler, settings, logger, handling }: ConversationOptions) {
    this.#connection = connection;
    this.#codec = codec;
    this.#handler = handler;
    this.#caller = new KnownCaller(connection);
    this.#settings = settings;
    this.#logger = logger;
    this.#logsExchanges = logger.isLevelEnabled('debug');
    this.#logsReads = logger.isLevelEnabled('trace');
    this.#handling = handling;
  }

  begin({ head, ended }: Beginning): void {
    this.#connection.owner = this;
    this.#inputEnded = ended;
    // What follows a first message that ended by a pause is not taken for a second one.
    if (ended) this.#connection.pause();
    this.#codec.push(head);
    this.#converse();
  }

  drain(): void {
    this.#draining = true;
    if (!this.#busyWith) this.#converse();
  }

  /** Ends with a goaway: nothing that the caller may have sent by now is handled. */
  leave(reason: CloseReason): void {
    this.#codec.encode(GOAWAY, this.#unsent);
    this.#finish(reason);
  }

  release(): void {
    this.#quiet?.stop();
  }

  timeUp(reason: TimeoutReason): void {
    const { MESSAGE_TIMEOUT_MS, HANDLER_TIMEOUT_MS } = this.#settings;
    if (reason === 'message_timeout') {
      this.#refuse(
        reason,
        new Refusal(
          'timeout',
          `no whole message within ${MESSAGE_TIMEOUT_MS} ms of its first byte: is its length right, or its line ended?`,
        ),
      );
    } else if (reason === 'handler_timeout') {
      this.#sendRefusal(new Refusal('failed', noReplyWithin(HANDLER_TIMEOUT_MS)));
      // The goaway tells this refusal from one after which the conversation goes on.
      this.leave(reason);
    } else {
      this.leave(reason);
    }
  }

  read(bytes: Buffer): void {
    if (this.#inputEnded) return;
    this.#connection.countRead(bytes);
    if (this.#logsReads) logRead(this.#logger, this.#connection, bytes);
    this.#codec.push(bytes);
    if (this.#busyWith) this.#connection.pause();
    else this.#converse();
  }

  readEnd(): void {
    this.#inputEnded = true;
    if (!this.#busyWith) this.#converse();
  }

  taken(): void {
    if (this.#busyWith !== 'reader') return;
    this.#busyWith = undefined;
    this.#connection.wasRead();
    this.#converse();
  }

  /** Answers what was wholly said, then waits for whatever has to happen next. */
  #converse(): void {
    let newMessage = false;
    this.#timed = false;
    while (!this.#busyWith && !this.#connection.ending && this.#converseOnce()) {
      newMessage = true;
      if (this.#unsent.isFull) this.#send();
    }
    this.#send();
    this.#wait({ newMessage });
  }

  /** Takes the next message to the handler, or refuses what came instead; false: more bytes are needed. */
  #converseOnce(): boolean {
    let message;
    try {
      message = this.#nextMessage();
    } catch (error) {
      this.#refuseFault(error);
      return true;
    }
    if (message === undefined) return false;
    this.#hear(message);
    return true;
  }

  #nextMessage(): string | undefined {
    const message = this.#codec.next();
    if (message !== undefined || !this.#inputEnded || this.#heardAll) return message;
    this.#heardAll = true;
    return this.#codec.end();
  }

  #refuseFault(error: unknown): void {
    if (!(error instanceof CodecError)) throw error;
    const refusal = new Refusal(error.code, error.message);
    if (!error.fatal) this.#sendRefusal(refusal);
    else if (this.#heardAll && error.code === 'bad_frame') this.#refuse('cut_short', refusal);
    else this.#refuse(error.code as 'too_large' | 'bad_frame', refusal);
  }

  #hear(message: string): void {
    this.#connection.countMessage(message);
    const began = this.#timed ? undefined : performance.now();
    this.#timed = true;
    let reply;
    try {
      reply = replyOf(this.#handler, message, this.#caller);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (typeof reply === 'string') this.#answer(message, reply, began);
    else this.#awaitReply(message, reply, began ?? performance.now());
  }

  #awaitReply(message: string, reply: Promise<string>, began: number): void {
    this.#busyWith = 'handler';
    const settle = (say: () => void, thrown?: { error: unknown }) => {
      if (this.#connection.ending) {
        const lateMs = performance.now() - began - this.#settings.HANDLER_TIMEOUT_MS;
        logLateHandler(this.#logger, this.#connection, { lateMs, ...(thrown && { thrown }) });
        return;
      }
      this.#busyWith = undefined;
      say();
      this.#converse();
    };
    reply.then(
      (text) => settle(() => this.#answer(message, text, began)),
      (error: unknown) => settle(() => this.#fail(error), { error }),
    );
  }

  /** `began`: when the handler was asked, where that was looked at. */
  #answer(message: string, reply: string, began: number | undefined): void {
    if (began !== undefined) this.#handling.add(began);
    try {
      this.#codec.encode(reply, this.#unsent);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#connection.countReply(reply);
    if (this.#logsExchanges) logExchange(this.#logger, this.#connection, message, reply);
  }

  /** The handler threw, or what it returned cannot be said: the caller hears `failed`, and the conversation goes on. */
  #fail(error: unknown): void {
    logFailure(this.#logger, this.#connection, error);
    this.#sendRefusal(new Refusal('failed', NO_REPLY));
  }

  #sendRefusal(refusal: Refusal): void {
    this.#connection.countRefusal(refusal.code, refusal.sentence);
    this.#codec.encode(refusal, this.#unsent);
  }

  /** One write for all replies of a read. What the kernel does not take at once waits for the caller to read. */
  #send(): void {
    if (this.#unsent.length === 0) return;
    this.#connection.write(this.#unsent);
    if (this.#connection.socket.writableLength > 0) this.#busyWith ??= 'reader';
  }

  /** Decides what this connection waits for now: exactly one thing, under one clock. */
  #wait({ newMessage }: { newMessage: boolean }): void {
    const { clock, ending } = this.#connection;
    this.#quiet?.stop();
    if (ending) return;
    if (this.#busyWith === 'reader') {
      clock.stop();
      // Reading would start the write clock again: a caller must not be able to hold us by sending instead of reading.
      this.#connection.pause();
      this.#connection.expectRead();
    } else if (this.#busyWith === 'handler') {
      clock.start('handler_timeout', this.#settings.HANDLER_TIMEOUT_MS);
    } else if (this.#heardAll) {
      this.#finish('done');
    } else if (this.#draining && !this.#codec.endsByPause) {
      this.leave('drained');
    } else {
      this.#waitForBytes(newMessage);
    }
  }

  #waitForBytes(newMessage: boolean): void {
    const { clock } = this.#connection;
    if (this.#codec.endsByPause) {
      this.#quiet ??= new Clock(() => this.readEnd());
      this.#quiet.start('quiet', this.#settings.QUIET_MS);
    }
    if (!this.#codec.unfinished) {
      clock.start('idle_timeout', this.#settings.IDLE_TIMEOUT_MS);
    } else if (newMessage || clock.reason !== 'message_timeout') {
      // Absolute: further bytes of the same message never start it again.
      clock.start('message_timeout', this.#settings.MESSAGE_TIMEOUT_MS);
    }
    this.#connection.resume();
  }

  /** Ends with a refusal as the last words. */
  #refuse(reason: CloseReason, refusal: Refusal): void {
    this.#sendRefusal(refusal);
    this.#finish(reason);
  }

  /** Ends; what was said and not yet written are the last words. */
  #finish(reason: CloseReason): void {
    this.#connection.finish(reason, this.#unsent.take());
  }
}
