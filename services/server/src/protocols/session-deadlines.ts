/** What a session waits for, and how long. It waits for one thing at a time: each start of the deadline replaces the last. */
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
  /** Only for text before its first LF, where a pause ends a message. Runs next to the connection's deadline. */
  #textIdle: Deadline<'text_idle'> | undefined;

  /** `onTextIdle`: the client paused, which ends its message. */
  constructor(connection: Connection, timeouts: Timeouts, onTextIdle: () => void) {
    this.#connection = connection;
    this.#timeouts = timeouts;
    this.#onTextIdle = onTextIdle;
  }

  /** Back-pressure: until the client reads its replies, nothing is read from it. Reads would restart the write timeout, too. */
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

  /** `answered`: since the last wait, so the next bytes belong to another message. */
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

  /** An idle client may still send for `ms` milliseconds, and is denied then. */
  awaitDrain(ms: number): void {
    this.#startOnce('drain_grace', ms);
  }

  /**
   * Absolute, against slowloris clients, which send a byte at a time: neither further bytes of the same message nor empty
   * lines between requests restart it.
   */
  #startOnce(reason: TimeoutReason, ms: number): void {
    this.stop();
    if (this.#connection.deadline.reason !== reason) this.#connection.deadline.start(reason, ms);
    this.#connection.resume();
  }

  /** The session ends, or another handler takes its connection over. */
  stop(): void {
    this.#textIdle?.stop();
  }
}
