/** Looks at a client's first bytes until they tell its protocol, then hands the connection on. */
import type { Logger } from '@knock/shared/log/log';

import { MIN_DRAIN_MS } from '../drain.ts';
import { LEAVING } from '../net/admission.ts';
import type { CloseReason, TimeoutReason } from '../net/close-reason.ts';
import type { ConnectionHandler } from '../net/connection-handler.ts';
import type { Connection } from '../net/connection.ts';
import { Deadline } from '../net/deadline.ts';
import type { ServerSettings } from '../settings.ts';
import { logRead } from '../telemetry/access-log.ts';
import { detect, detectAtEnd, type ProtocolName, type Undecided } from './detect.ts';

export interface Detection {
  protocol: ProtocolName;
  /** All bytes that were read. */
  head: Buffer;
  /** Whether the client's first message is complete with these bytes: it paused, or closed its side. */
  messageComplete: boolean;
}

export interface DetectorOptions {
  settings: Pick<ServerSettings, 'FIRST_BYTE_TIMEOUT_MS' | 'MESSAGE_TIMEOUT_MS' | 'TEXT_IDLE_MS'>;
  logger: Logger;
  /** Called once. It gives the connection another handler, pauses it, or ends it. */
  onDetected: (detection: Detection) => void;
}

const NOTHING = Buffer.alloc(0);

export class ProtocolDetector implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #options: DetectorOptions;
  #textIdle: Deadline<'text_idle'> | undefined;
  #startedAt = 0;
  #head: Buffer = NOTHING;
  /** What the bytes so far may become; undefined: there are none. */
  #undecided: Undecided | undefined;

  constructor(connection: Connection, options: DetectorOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  start(): void {
    this.#connection.handler = this;
    this.#startedAt = performance.now();
    this.#connection.deadline.start('first_byte_timeout', this.#options.settings.FIRST_BYTE_TIMEOUT_MS);
  }

  onData(bytes: Buffer): void {
    this.#connection.stats.recordRead(bytes);
    logRead(this.#options.logger, this.#connection, bytes);
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const detected = detect(this.#head);
    // Absolute, from the first byte: it runs on when the connection is handed on.
    if (typeof detected !== 'string' || detected === 'tls') this.#startMessageTimeout();
    if (typeof detected === 'string') this.#handOn(detected, { messageComplete: false });
    else this.#awaitMore(detected);
  }

  onEnd(): void {
    if (this.#undecided === undefined) this.#connection.closeGracefully('client_closed');
    else this.#handOn(detectAtEnd(this.#head), { messageComplete: true });
  }

  /** The protocol that the bytes are likeliest to be speaks of it; where there are none, nobody does. */
  onTimeout(reason: TimeoutReason): void {
    if (reason === 'drain_timeout') this.deny('drained', LEAVING.detail);
    else if (this.#handOnLikely()) this.#connection.handler?.onTimeout(reason);
    else this.#connection.closeGracefully(reason);
  }

  /** A client that has just connected may be about to speak, and hears then that the server drains; a pause is waited for. */
  shutdown(): void {
    const { deadline } = this.#connection;
    const left =
      this.#undecided?.likely === 'text'
        ? this.#options.settings.TEXT_IDLE_MS
        : this.#startedAt + MIN_DRAIN_MS - performance.now();
    deadline.start('drain_timeout', Math.max(1, left));
  }

  deny(reason: CloseReason, detail: string): void {
    if (this.#handOnLikely()) this.#connection.handler?.deny(reason, detail);
    else this.#connection.closeGracefully(reason);
  }

  detach(): void {
    this.#textIdle?.stop();
  }

  #startMessageTimeout(): void {
    const { deadline } = this.#connection;
    if (deadline.reason === 'first_byte_timeout')
      deadline.start('message_timeout', this.#options.settings.MESSAGE_TIMEOUT_MS);
  }

  #awaitMore(undecided: Undecided): void {
    this.#undecided = undecided;
    this.detach();
    if (undecided.likely !== 'text') return;
    const onIdle = () => this.#handOn('text', { messageComplete: this.#undecided!.idleEndsMessage });
    this.#textIdle ??= new Deadline(() => this.#connection.guard(onIdle));
    this.#textIdle.start('text_idle', this.#options.settings.TEXT_IDLE_MS);
  }

  /** False: no byte has come. */
  #handOnLikely(): boolean {
    if (this.#undecided === undefined) return false;
    this.#handOn(this.#undecided.likely, { messageComplete: false });
    return true;
  }

  #handOn(protocol: ProtocolName, { messageComplete }: { messageComplete: boolean }): void {
    this.detach();
    this.#connection.protocol = protocol;
    this.#options.onDetected({ protocol, head: this.#head, messageComplete });
  }
}
