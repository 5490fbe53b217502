/** One connection to the server: messages are written without waiting for one another, replies come back in their order. */
import type { Socket } from 'node:net';

import { CodecError } from '@knock/shared/codec/codec';
import { hexBytes, sizeOf } from '@knock/shared/log/excerpt';

import type { ClientProtocol, ConnectionEnd, Meaning } from '../protocols/protocol.ts';
import { type AttemptResult, type PendingRequest, PendingRequests } from './pending-requests.ts';
import { Writer, type WriterOptions } from './writer.ts';

export interface ClientConnectionOptions extends Omit<WriterOptions, 'codec'> {
  protocol: ClientProtocol<unknown>;
  /** From writing a message to its reply, in milliseconds. */
  replyTimeoutMs: number;
  /** Called before any message is settled, so that a retry knows how long to wait. */
  ended: (ending: ConnectionEnd) => void;
}

/** How long the server may take to close its side after we closed ours. */
const LINGER_MS = 1000;

const CHECK_FIRST = 'the message may have been handled; check before resending';

/** Takes messages while `open`; while `closing` it still reads replies; once `closed`, every message has its outcome. */
export class ClientConnection {
  readonly address: string;
  readonly #socket: Socket;
  readonly #writer: Writer;
  readonly #options: ClientConnectionOptions;
  readonly #pending = new PendingRequests((request) => this.#onReplyTimeout(request));
  #state: 'open' | 'closing' | 'closed' = 'open';
  #wasAnswered = false;
  #ending: ConnectionEnd = { why: 'the connection was closed', next: 'at once' };

  constructor(socket: Socket, options: ClientConnectionOptions) {
    this.address = socket.remoteAddress ?? 'unknown';
    this.#socket = socket;
    this.#options = options;
    this.#writer = new Writer(socket, { ...options, codec: options.protocol.codec }, () => this.#write());
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.on('end', () => this.#onEnd());
    socket.on('error', ({ code }: NodeJS.ErrnoException) => this.#onLost(`connection lost before the reply (${code})`));
    socket.on('close', () => this.#onLost('connection lost before the reply'));
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  /** Sends a message; calls `settle` once, at the deadline at the latest. */
  request(message: string, deadline: number, settle: (result: AttemptResult) => void): void {
    if (!this.open) {
      settle({ outcome: { kind: 'not_handled', why: this.#ending.why }, written: false });
      return;
    }
    this.#pending.add({ message, deadline, expiresAt: deadline, settle });
    this.#write();
  }

  /** Writes what was held back. */
  flush(): void {
    this.#writer.flush();
  }

  /** Takes no more messages, and ends when all that were written have their replies. */
  close(): void {
    if (!this.open) return;
    this.#state = 'closing';
    this.#pending.settleUnwritten(this.#ending.why);
    this.#writer.end();
    this.#endIfAnswered();
  }

  /** Ends at once: written messages without a reply are `unknown`, unwritten ones `not_handled`. */
  destroy(why: string): void {
    this.#onLost(why);
    this.#socket.destroy();
  }

  #write(): void {
    while (this.open && this.#pending.unanswered < this.#options.protocol.window && !this.#writer.isFull) {
      const next = this.#pending.nextToWrite();
      if (next === undefined) return;
      this.#writeOne(next);
    }
  }

  #writeOne(request: PendingRequest): void {
    try {
      this.#writer.write(request.message);
    } catch (error) {
      request.settle({
        outcome: { kind: 'rejected', code: 'unsendable', detail: (error as Error).message },
        written: false,
      });
      return;
    }
    this.#pending.awaitReply(request, Math.min(request.deadline, performance.now() + this.#options.replyTimeoutMs));
  }

  #onData(bytes: Buffer): void {
    const { protocol, logger } = this.#options;
    if (this.#state === 'closed') return;
    if (logger.isLevelEnabled('trace')) {
      const fields = { address: this.address, bytes: hexBytes(bytes) };
      logger.trace(fields, `read ${sizeOf(bytes)}: ${fields.bytes}`);
    }
    protocol.codec.push(bytes);
    this.#handleAll(() => protocol.codec.next());
    this.#write();
  }

  #onEnd(): void {
    this.#handleAll(() => (this.#state === 'closed' ? undefined : this.#options.protocol.codec.end()));
    this.#onLost('the server closed the connection before the reply');
  }

  #handleAll(next: () => unknown): void {
    try {
      for (let input = next(); input !== undefined && this.#state !== 'closed'; input = next()) {
        this.#handle(this.#options.protocol.meaningOf(input, this.#wasAnswered));
      }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.destroy(`the server broke the protocol: ${error.message}`);
    }
  }

  #handle({ outcome, final, ending }: Meaning): void {
    // The server may send an error such as `tls` before it has read a message: that one answers none.
    const isFarewell = ending !== undefined && this.#pending.unanswered === 0;
    if (outcome && !isFarewell) this.#settleOldest({ outcome, written: true, ...(final && { final }) });
    // The server has handled nothing that it has not answered.
    if (ending) this.#end(ending, 'not_handled');
  }

  #settleOldest(result: AttemptResult): void {
    this.#wasAnswered = true;
    const oldest = this.#pending.nextAnswered();
    if (oldest === undefined) return this.destroy('the server sent a reply to no message');
    oldest.settle(result);
    return this.#endIfAnswered();
  }

  #endIfAnswered(): void {
    if (this.#state === 'closing' && this.#pending.unanswered === 0) this.#end(this.#ending, 'not_handled');
  }

  /** Replies carry no id: one that came late would be taken for the reply to the next message. So the connection ends. */
  #onReplyTimeout({ expiresAt, deadline }: PendingRequest): void {
    const limit =
      expiresAt < deadline
        ? `within ${this.#options.replyTimeoutMs} ms (REPLY_TIMEOUT_MS)`
        : 'by its deadline (DEADLINE_MS)';
    this.destroy(`no reply ${limit}`);
  }

  /** No reply will come any more, and nobody knows what was handled. */
  #onLost(why: string): void {
    this.#end({ why, next: this.#pending.unanswered === 0 ? 'at once' : 'soon' }, 'unknown');
  }

  #end(ending: ConnectionEnd, kind: 'not_handled' | 'unknown'): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#ending = ending;
    this.#pending.stop();
    this.#options.ended(ending);
    this.#pending.settleUnanswered({ kind, why: kind === 'unknown' ? `${ending.why}: ${CHECK_FIRST}` : ending.why });
    this.#pending.settleUnwritten(ending.why);
    this.#writer.dropAndEnd();
    const linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(linger));
  }
}
