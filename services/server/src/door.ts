/** The door: looks at a caller's first bytes until they tell its language, and then is gone. */
import { Clock } from './clock.ts';
import type { CloseReason, Connection, Owner, TimeoutReason } from './connection.ts';
import { detect, type Language, type NotYet } from './detect.ts';
import { plainResponse } from './plain-response.ts';
import type { ServerSettings } from './settings.ts';

type DoorSettings = Pick<ServerSettings, 'FIRST_BYTE_TIMEOUT_MS' | 'MESSAGE_TIMEOUT_MS' | 'QUIET_MS'>;

/** What the door has found out, and what it has read meanwhile. */
export interface Sight {
  language: Language;
  head: Buffer;
  /** The caller's first message is complete with these bytes: it paused, or closed its side. */
  ended: boolean;
}

const NOTHING = Buffer.alloc(0);

export class Door implements Owner {
  readonly #connection: Connection;
  readonly #settings: DoorSettings;
  readonly #found: (sight: Sight) => void;
  readonly #quiet = new Clock<'quiet'>(() => this.#pass('text', { ended: true }));
  #head: Buffer = NOTHING;
  #sight: Language | NotYet | undefined;

  constructor(connection: Connection, settings: DoorSettings, found: (sight: Sight) => void) {
    this.#connection = connection;
    this.#settings = settings;
    this.#found = found;
  }

  /** Whether the caller is in the pause that makes its bytes a message. */
  get inQuiet(): boolean {
    return this.#sight === 'could_be_http';
  }

  open(): void {
    const { clock, socket } = this.#connection;
    this.#connection.owner = this;
    clock.start('first_byte_timeout', this.#settings.FIRST_BYTE_TIMEOUT_MS);
    socket.on('data', this.#look);
    socket.on('end', this.#endOfInput);
    socket.once('close', () => this.#quiet.stop());
  }

  timeUp(reason: TimeoutReason): void {
    if (this.#sight !== 'looks_like_http') this.#connection.finish(reason);
    else
      this.#connection.finish(
        reason,
        plainResponse(408, `no whole request within ${this.#settings.MESSAGE_TIMEOUT_MS} ms`),
      );
  }

  /** Whoever is still at the door is told when its language is known; the server ends those who stay silent. */
  drain(): void {}

  closed(): CloseReason {
    return 'caller_left';
  }

  readonly #look = (bytes: Buffer) => {
    const { clock } = this.#connection;
    // From the first byte of the first message; whoever takes the connection over lets this clock run on.
    if (this.#sight === undefined) clock.start('message_timeout', this.#settings.MESSAGE_TIMEOUT_MS);
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    this.#quiet.stop();
    const sight = detect(this.#head);
    this.#sight = sight;
    if (sight === 'could_be_http') this.#quiet.start('quiet', this.#settings.QUIET_MS);
    else if (sight !== 'looks_like_http') this.#pass(sight, { ended: false });
  };

  readonly #endOfInput = () => {
    if (this.#sight === undefined) this.#connection.finish('caller_left');
    else this.#pass('text', { ended: true });
  };

  #pass(language: Language, { ended }: { ended: boolean }): void {
    const { socket } = this.#connection;
    this.#quiet.stop();
    socket.off('data', this.#look);
    socket.off('end', this.#endOfInput);
    // Removing the listener does not stop the stream: nothing may be read before the next owner listens.
    socket.pause();
    this.#connection.language = language;
    this.#found({ language, head: this.#head, ended });
  }
}
