/** Writes messages to a socket: one write per turn, or cut and glued to show what a TCP stream is. `end` is a half-close. */
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';

import type { Codec } from '@knock/shared/codec/codec';
import { WriteBuffer } from '@knock/shared/codec/write-buffer';
import { hexBytes, sizeOf } from '@knock/shared/log/excerpt';
import type { Logger } from '@knock/shared/log/log';

import { chunkedWriter } from './chunked-writer.ts';

/** How messages are cut and glued into writes; by default they are not. */
export interface WriteShaping {
  /** At most this many bytes in one write. */
  chunk?: number | undefined;
  /** This many messages in one write: they are held back until there are as many, or no more will come. */
  glue?: number | undefined;
}

export interface WriterOptions {
  codec: Pick<Codec<unknown, never>, 'encode'>;
  shaping: WriteShaping;
  /** Whether messages may be held back, because more will come to be glued to them. */
  mayHold: () => boolean;
  logger: Logger;
}

export class Writer {
  readonly #socket: Socket;
  /** Where bytes are written: the socket, or a chunked writer in front of it. */
  readonly #output: Writable;
  readonly #options: WriterOptions;
  readonly #buffer = new WriteBuffer();
  /** How many messages the next write has. */
  #messagesHeld = 0;

  /** `drained` is called when a writer that was full takes messages again (back-pressure). */
  constructor(socket: Socket, options: WriterOptions, drained: () => void) {
    const { chunk } = options.shaping;
    this.#socket = socket;
    this.#options = options;
    this.#output = chunk === undefined ? socket : chunkedWriter(socket, chunk);
    this.#output.on('drain', drained);
  }

  /** Back-pressure: the other end reads too slowly, and further writes would only be buffered. */
  get isFull(): boolean {
    return this.#output.writableNeedDrain;
  }

  /** Writes a message at the end of this turn, unless it is held back. Throws if it cannot be encoded. */
  write(message: string): void {
    if (this.#buffer.length === 0 && !this.#options.mayHold()) process.nextTick(() => this.flush());
    this.#options.codec.encode(message, this.#buffer);
    this.#messagesHeld += 1;
    if (this.#buffer.isFull || this.#messagesHeld === this.#options.shaping.glue) this.flush();
  }

  /** Writes what was held back. */
  flush(): void {
    const { length } = this.#buffer;
    if (length === 0) return;
    this.#trace(length);
    this.#messagesHeld = 0;
    if (this.#output === this.#socket) this.#buffer.writeTo(this.#socket);
    else this.#output.write(this.#buffer.take());
  }

  /** Half-close: flushes, then ends our side. */
  end(): void {
    this.flush();
    this.#output.end();
  }

  /** Half-close without the messages that were held back. */
  dropAndEnd(): void {
    this.#buffer.drop();
    this.#output.end();
  }

  #trace(length: number): void {
    const { shaping, logger } = this.#options;
    if (!logger.isLevelEnabled('trace')) return;
    const address = this.#socket.remoteAddress;
    const written = this.#buffer.bytes.subarray(0, length);
    const bytes = hexBytes(written);
    const messages = `${this.#messagesHeld} ${this.#messagesHeld === 1 ? 'message' : 'messages'}`;
    const pieces = shaping.chunk === undefined ? '' : `, ${shaping.chunk} at a time`;
    logger.trace({ address, bytes }, `wrote ${messages}, ${sizeOf(written)}${pieces}: ${bytes}`);
  }
}
