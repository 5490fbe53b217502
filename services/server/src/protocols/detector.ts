/**
 * Collects a client's first bytes until its protocol is known, then hands the connection on. The message timeout runs from
 * the first byte, and no read restarts it: a slowloris client, which sends one byte at a time, gains nothing.
 */
import type { Logger } from '@knock/shared/log/log';

import { MIN_DRAIN_MS } from '../drain.ts';
import { SHUTTING_DOWN } from '../net/admission.ts';
import type { CloseReason, TimeoutReason } from '../net/close-reason.ts';
import type { ConnectionHandler } from '../net/connection-handler.ts';
import type { Connection } from '../net/connection.ts';
import { Deadline } from '../net/deadline.ts';
import type { ServerSettings } from '../settings.ts';
import { logRead } from '../telemetry/access-log.ts';
import { detect, detectAtEnd, type ProtocolName, type Undecided } from './detect.ts';

export interface Detection {
  protocol: ProtocolName;
  /** All bytes so far. */
  head: Buffer;
  /** Whether `head` is a complete message: the client paused, or half-closed. */
  messageComplete: boolean;
}

export interface DetectorOptions {
  settings: Pick<ServerSettings, 'FIRST_BYTE_TIMEOUT_MS' | 'MESSAGE_TIMEOUT_MS' | 'TEXT_IDLE_MS'>;
  logger: Logger;
  /** Called once; sets another handler, pauses the connection or ends it. */
  onDetected: (detection: Detection) => void;
}

const NOTHING = Buffer.alloc(0);

export class ProtocolDetector implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #options: DetectorOptions;
  #textIdle: Deadline<'text_idle'> | undefined;
  #startedAt = 0;
  #head: Buffer = NOTHING;
  /** What the bytes so far may become; undefined: none have come. */
  #undecided: Undecided | undefined;

  constructor(connection: Connection, options: DetectorOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** `head`: bytes that have come already. */
  start(head: Buffer = NOTHING): void {
    this.#connection.eventHandler = this;
    this.#startedAt = performance.now();
    this.#connection.deadline.start('first_byte_timeout', this.#options.settings.FIRST_BYTE_TIMEOUT_MS);
    if (head.length > 0) this.onData(head);
  }

  onData(bytes: Buffer): void {
    this.#connection.stats.recordRead(bytes);
    logRead(this.#options.logger, this.#connection, bytes);
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const detected = detect(this.#head);
    // Keeps running when the connection is handed on.
    if (typeof detected !== 'string' || detected === 'tls') this.#startMessageTimeout();
    if (typeof detected === 'string') this.#handOn(detected, { messageComplete: false });
    else this.#awaitMore(detected);
  }

  onEnd(): void {
    if (this.#undecided === undefined) this.#connection.closeGracefully('client_closed');
    else this.#handOn(detectAtEnd(this.#head), { messageComplete: true });
  }

  /** The error is sent in the likeliest protocol. If no byte has come, there is no protocol and no error. */
  onTimeout(reason: TimeoutReason): void {
    if (reason === 'drain_grace') this.deny('drained', SHUTTING_DOWN.detail);
    else if (this.#handOnLikely()) this.#connection.eventHandler?.onTimeout?.(reason);
    else this.#connection.closeGracefully(reason);
  }

  /** Waits for the pause that ends a text; or briefly, since a new client may be about to send, and then gets an error. */
  shutdown(): void {
    const { deadline } = this.#connection;
    const left =
      this.#undecided?.likely === 'text'
        ? this.#options.settings.TEXT_IDLE_MS
        : this.#startedAt + MIN_DRAIN_MS - performance.now();
    deadline.start('drain_grace', Math.max(1, left));
  }

  deny(reason: CloseReason, detail: string): void {
    if (this.#handOnLikely()) this.#connection.eventHandler?.deny(reason, detail);
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

  /** Returns false if no byte has come. */
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
