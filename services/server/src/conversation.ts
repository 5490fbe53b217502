/**
 * A conversation in frames or text: bytes become messages, messages become replies, one at a time and in order.
 *
 * It never grows: while a handler runs, or the caller does not take its replies, nothing more is decoded and soon
 * nothing more is read, so that the caller's own kernel holds it back.
 */
import { type Codec, CodecError, Refusal } from '@knock/shared/codec';
import type { Logger } from '@knock/shared/log';
import { hexBytes, sampleText } from '@knock/shared/text-sample';

import { Clock } from './clock.ts';
import { callerOf, type CloseReason, type Connection, type Owner, type TimeoutReason } from './connection.ts';
import type { Caller, Handler } from './handler.ts';
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
}

/** What the door has seen of the stream when a conversation begins. */
export interface Beginning {
  /** The bytes that were read. */
  head: Buffer;
  /** Whether the caller's first message is known to be complete: it paused, or closed its side. */
  ended: boolean;
}

/** How long a caller that did not read for the whole of its write clock may go on without a sign of reading. */
const PROBATION_MS = 1000;

export class Conversation implements Owner {
  readonly #connection: Connection;
  readonly #codec: Codec<string>;
  readonly #handler: Handler;
  readonly #caller: Caller;
  readonly #settings: ConversationSettings;
  readonly #logger: Logger;
  readonly #quiet = new Clock<'quiet'>(() => this.#endInput());
  /** The handler has a message and has not answered. */
  #handling = false;
  /** Replies wait for the caller to read. */
  #blocked = false;
  /** The caller did not read for the whole of its write clock, at least once since it was last seen reading. */
  #onProbation = false;
  /** No more bytes count: the caller closed its side, or ended its message by a pause. */
  #inputEnded = false;
  /** The last message was heard. */
  #heardAll = false;
  #draining = false;

  constructor(connection: Connection, { codec, handler, settings, logger }: ConversationOptions) {
    this.#connection = connection;
    this.#codec = codec;
    this.#handler = handler;
    this.#caller = callerOf(connection);
    this.#settings = settings;
    this.#logger = logger;
  }

  begin({ head, ended }: Beginning): void {
    const { socket } = this.#connection;
    this.#connection.owner = this;
    socket.on('data', this.#read);
    socket.once('end', this.#endInput);
    socket.on('drain', this.#unblock);
    socket.once('close', () => this.#quiet.stop());
    this.#inputEnded = ended;
    this.#codec.push(head);
    this.#converse();
  }

  drain(): void {
    this.#draining = true;
    if (!this.#handling && !this.#blocked) this.#converse();
  }

  closed(): CloseReason {
    return 'caller_left';
  }

  timeUp(reason: TimeoutReason): void {
    const { MESSAGE_TIMEOUT_MS, HANDLER_TIMEOUT_MS } = this.#settings;
    if (reason === 'message_timeout') {
      this.#refuse(
        reason,
        new Refusal('timeout', `no whole message within ${MESSAGE_TIMEOUT_MS} ms of its first byte`),
      );
    } else if (reason === 'handler_timeout') {
      const refusal = new Refusal('failed', `the server had no reply within ${HANDLER_TIMEOUT_MS} ms`);
      // The goaway tells this refusal from one after which the conversation goes on.
      const lastWords = Buffer.concat([this.#codec.encodeRefusal(refusal), this.#codec.encodeGoaway()]);
      this.#connection.finish(reason, lastWords);
    } else if (reason === 'write_timeout') {
      this.#writeTimeUp();
    } else {
      this.#leave(reason);
    }
  }

  readonly #read = (bytes: Buffer) => {
    if (this.#inputEnded) return;
    if (this.#logger.isLevelEnabled('trace')) this.#traceRead(bytes);
    this.#codec.push(bytes);
    if (this.#handling || this.#blocked) this.#connection.socket.pause();
    else this.#converse();
  };

  readonly #endInput = () => {
    this.#inputEnded = true;
    if (!this.#handling && !this.#blocked) this.#converse();
  };

  /** Answers what was wholly said, then waits for whatever has to happen next. */
  #converse(): void {
    const { socket } = this.#connection;
    let heard = 0;
    // One write for all the replies of one read.
    socket.cork();
    while (!this.#handling && !this.#blocked && !this.#connection.ending && this.#converseOnce()) heard += 1;
    socket.uncork();
    this.#wait({ newMessage: heard > 0 });
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
    if (!error.fatal) this.#send(this.#codec.encodeRefusal(refusal));
    else this.#refuse(this.#heardAll ? 'cut_short' : (error.code as 'too_large' | 'bad_frame'), refusal);
  }

  #hear(message: string): void {
    this.#connection.hear(message);
    let reply;
    try {
      reply = this.#handler(message, this.#caller);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (typeof reply === 'string') this.#answer(message, reply);
    else this.#awaitReply(message, reply);
  }

  #awaitReply(message: string, reply: Promise<string>): void {
    this.#handling = true;
    const settle = (say: () => void) => {
      if (this.#connection.ending) return;
      this.#handling = false;
      say();
      this.#converse();
    };
    reply.then(
      (text) => settle(() => this.#answer(message, text)),
      (error: unknown) => settle(() => this.#fail(error)),
    );
  }

  #answer(message: string, reply: string): void {
    let bytes;
    try {
      bytes = this.#codec.encodeMessage(reply);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#connection.firstReply ??= reply;
    if (this.#logger.isLevelEnabled('debug')) this.#logExchange(message, reply);
    this.#send(bytes);
  }

  /** The handler threw, or what it returned cannot be said: the caller hears `failed`, and the conversation goes on. */
  #fail(error: unknown): void {
    this.#logger.error({ connection: this.#connection.id, err: error }, `the handler failed: ${String(error)}`);
    this.#send(this.#codec.encodeRefusal(new Refusal('failed', 'the server could not answer this message')));
  }

  #send(bytes: Buffer): void {
    this.#blocked = !this.#connection.socket.write(bytes);
  }

  /** Decides what this connection waits for now: exactly one thing, under one clock. */
  #wait({ newMessage }: { newMessage: boolean }): void {
    const { clock, ending } = this.#connection;
    this.#quiet.stop();
    if (ending) return;
    if (this.#blocked) {
      clock.stop();
      this.#connection.expectRead();
    } else if (this.#handling) {
      clock.start('handler_timeout', this.#settings.HANDLER_TIMEOUT_MS);
    } else if (this.#heardAll) {
      this.#connection.finish('done');
    } else if (this.#draining && !this.#codec.endsByPause) {
      this.#leave('drained');
    } else {
      this.#waitForBytes(newMessage);
    }
  }

  #waitForBytes(newMessage: boolean): void {
    const { clock, socket } = this.#connection;
    if (this.#codec.endsByPause) this.#quiet.start('quiet', this.#settings.QUIET_MS);
    if (!this.#codec.unfinished) {
      clock.start('idle_timeout', this.#settings.IDLE_TIMEOUT_MS);
    } else if (newMessage || clock.reason !== 'message_timeout') {
      // Absolute: further bytes of the same message never start it again.
      clock.start('message_timeout', this.#settings.MESSAGE_TIMEOUT_MS);
    }
    socket.resume();
  }

  readonly #unblock = () => {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#onProbation = false;
    this.#connection.socket.setTimeout(0);
    if (!this.#handling) this.#converse();
  };

  /**
   * Node looks whether the kernel took bytes before it calls this, but after a pause of the container it looks before
   * it has tried to write; hence a second look.
   */
  #writeTimeUp(): void {
    if (this.#onProbation) {
      this.#connection.destroy('write_timeout');
    } else {
      this.#onProbation = true;
      this.#connection.expectRead(PROBATION_MS);
    }
  }

  /** Ends with a refusal as the last words. */
  #refuse(reason: CloseReason, refusal: Refusal): void {
    this.#connection.finish(reason, this.#codec.encodeRefusal(refusal));
  }

  /** Ends with a goaway: nothing that the caller may have sent by now is handled. */
  #leave(reason: CloseReason): void {
    this.#connection.finish(reason, this.#codec.encodeGoaway());
  }

  #traceRead(bytes: Buffer): void {
    const fields = { connection: this.#connection.id, bytes: hexBytes(bytes) };
    this.#logger.trace(fields, `read ${bytes.length} bytes: ${fields.bytes}`);
  }

  #logExchange(message: string, reply: string): void {
    const fields = { connection: this.#connection.id, message: sampleText(message), reply: sampleText(reply) };
    this.#logger.debug(fields, `"${fields.message}" was answered "${fields.reply}"`);
  }
}
