/** The door: looks at a caller's first bytes until they tell its language, and then is gone. */
import type { Logger } from '@knock/shared/log';

import { Clock } from './clock.ts';
import type { CloseReason, TimeoutReason } from './close-reason.ts';
import { logRead } from './connection-log.ts';
import type { Connection, Owner } from './connection.ts';
import { detect, type Language, type NotYet } from './detect.ts';
import { refusePlainly } from './plain-response.ts';
import type { ServerSettings } from './settings.ts';

/** What the door has found out, and what it has read meanwhile. */
export interface Sight {
  language: Language;
  head: Buffer;
  /** The caller's first message is complete with these bytes: it paused, or closed its side. */
  ended: boolean;
}

export interface DoorOptions {
  settings: Pick<ServerSettings, 'FIRST_BYTE_TIMEOUT_MS' | 'MESSAGE_TIMEOUT_MS' | 'QUIET_MS'>;
  logger: Logger;
  /** Told once, when the door is done with the connection, which is to get another owner at once, or to be paused. */
  found: (sight: Sight) => void;
}

/** When the server leaves: how long newcomers are told so at least, and how long each is given to say something. */
export const LAST_CALL_MS = 200;

/** What leaves the first message unfinished for certain. Of the others their conversation knows. */
const STILL_COMING: readonly (Language | NotYet)[] = ['could_be_http', 'looks_like_http', 'tls'];

const NOTHING = Buffer.alloc(0);

export class Door implements Owner {
  readonly #connection: Connection;
  readonly #options: DoorOptions;
  #quiet: Clock<'quiet'> | undefined;
  #openedAt = 0;
  #head: Buffer = NOTHING;
  #sight: Language | NotYet | undefined;

  constructor(connection: Connection, options: DoorOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  open(): void {
    this.#connection.owner = this;
    this.#openedAt = performance.now();
    this.#connection.clock.start('first_byte_timeout', this.#options.settings.FIRST_BYTE_TIMEOUT_MS);
  }

  timeUp(reason: TimeoutReason): void {
    const { MESSAGE_TIMEOUT_MS } = this.#options.settings;
    if (reason === 'drain_timeout') this.leave('drained', 'the server is leaving: send this again');
    else this.#end(reason, 408, `no whole request within ${MESSAGE_TIMEOUT_MS} ms of its first byte`);
  }

  /** Whoever has come in just now may be about to speak, and is told in its language; whoever pauses is answered. */
  drain(): void {
    const { clock } = this.#connection;
    const inQuiet = this.#sight === 'could_be_http';
    const left = inQuiet ? this.#options.settings.QUIET_MS : this.#openedAt + LAST_CALL_MS - performance.now();
    clock.start('drain_timeout', Math.max(1, left));
  }

  leave(reason: CloseReason, sentence: string): void {
    this.#end(reason, 503, sentence);
  }

  release(): void {
    this.#quiet?.stop();
  }

  read(bytes: Buffer): void {
    this.#connection.countRead(bytes);
    logRead(this.#options.logger, this.#connection, bytes);
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    this.#quiet?.stop();
    const sight = detect(this.#head);
    this.#sight = sight;
    // From its first byte; whoever takes the connection over lets this clock run on, or starts it where it is not needed here.
    if (STILL_COMING.includes(sight)) this.#startMessageClock();
    if (sight === 'could_be_http') this.#expectPause();
    else if (sight !== 'looks_like_http') this.#pass(sight, { ended: false });
  }

  #startMessageClock(): void {
    const { clock } = this.#connection;
    if (clock.reason === 'first_byte_timeout')
      clock.start('message_timeout', this.#options.settings.MESSAGE_TIMEOUT_MS);
  }

  #expectPause(): void {
    this.#quiet ??= new Clock(() => this.#pass('text', { ended: true }));
    this.#quiet.start('quiet', this.#options.settings.QUIET_MS);
  }

  readEnd(): void {
    if (this.#sight === undefined) this.#connection.finish('caller_left');
    else this.#pass('text', { ended: true });
  }

  /** It writes nothing. */
  taken(): void {}

  /** Without a word where the language is not known; only HTTP may be known by then. */
  #end(reason: CloseReason, status: number, sentence: string): void {
    if (this.#sight === 'looks_like_http') refusePlainly(this.#connection, { reason, status, sentence });
    else this.#connection.finish(reason);
  }

  #pass(language: Language, { ended }: { ended: boolean }): void {
    this.release();
    this.#connection.language = language;
    this.#options.found({ language, head: this.#head, ended });
  }
}
