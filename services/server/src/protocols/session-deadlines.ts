/** What a session waits for, and for how long: one thing at a time, since each start of its deadline ends the one before. */
import type { Codec } from '@knock/shared/codec/codec';

import type { TimeoutReason } from '../net/close-reason.ts';
import type { Connection } from '../net/connection.ts';
import { Deadline } from '../net/deadline.ts';
import type { ServerSettings } from '../settings.ts';

type Timeouts = Pick<ServerSettings, 'MESSAGE_TIMEOUT_MS' | 'HANDLER_TIMEOUT_MS' | 'IDLE_TIMEOUT_MS' | 'TEXT_IDLE_MS'>;

export class SessionDeadlines {
  readonly #connection: Connection;
  readonly #timeouts: Timeouts;
  readonly #onTextIdle: () => void;
  /** Only where a pause ends a message: it runs beside the other. */
  #textIdle: Deadline<'text_idle'> | undefined;

  /** `onTextIdle`: the client has paused, and its protocol takes that for the end of its message. */
  constructor(connection: Connection, timeouts: Timeouts, onTextIdle: () => void) {
    this.#connection = connection;
    this.#timeouts = timeouts;
    this.#onTextIdle = onTextIdle;
  }

  /** The kernel has not taken all replies. Nothing is read meanwhile: a client must not hold us by sending instead of reading. */
  awaitWrite(): void {
    this.stop();
    this.#connection.deadline.stop();
    this.#connection.pause();
    this.#connection.startWriteTimeout();
  }

  awaitAnswer(): void {
    this.stop();
    this.#connection.deadline.start('handler_timeout', this.#timeouts.HANDLER_TIMEOUT_MS);
  }

  /** `answered`: since the session last waited, so that what comes now is another message. */
  awaitBytes(
    { hasPartial, idleEndsMessage }: Pick<Codec<unknown, unknown>, 'hasPartial' | 'idleEndsMessage'>,
    answered: boolean,
  ): void {
    if (answered) this.#connection.deadline.stop();
    if (hasPartial) this.#startOnce('message_timeout', this.#timeouts.MESSAGE_TIMEOUT_MS);
    else this.#startOnce('idle_timeout', this.#timeouts.IDLE_TIMEOUT_MS);
    if (!idleEndsMessage) return;
    this.#textIdle ??= new Deadline(this.#onTextIdle);
    this.#textIdle.start('text_idle', this.#timeouts.TEXT_IDLE_MS);
  }

  /** For so many milliseconds an idle client may still send, to hear that it is not served. */
  awaitDrain(ms: number): void {
    this.#startOnce('drain_timeout', ms);
  }

  /** Absolute: neither further bytes of the same message nor empty lines between requests start it again. */
  #startOnce(reason: TimeoutReason, ms: number): void {
    this.stop();
    if (this.#connection.deadline.reason !== reason) this.#connection.deadline.start(reason, ms);
    this.#connection.resume();
  }

  /** The session ends, or hands its connection on. */
  stop(): void {
    this.#textIdle?.stop();
  }
}
