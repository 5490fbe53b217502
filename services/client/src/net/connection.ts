/** One connection to the server: messages go out without waiting for one another, answers come back in their order. */
import type { Socket } from 'node:net';

import { CodecError } from '@knock/shared/codec/codec';
import { hexBytes, sizeOf } from '@knock/shared/log/excerpt';

import type { Outcome } from '../delivery/outcome.ts';
import type { ClientProtocol, ConnectionEnd, Meaning } from '../protocols/protocol.ts';
import { Queue } from './queue.ts';
import { Writer, type WriterOptions } from './writer.ts';

export interface ConnectionOptions extends Omit<WriterOptions, 'codec'> {
  protocol: ClientProtocol<unknown>;
  /** From writing a message to its answer, in milliseconds. */
  replyTimeoutMs: number;
  /** Told before any message hears of it, so that whoever tries again knows how long to wait. */
  ended: (ending: ConnectionEnd) => void;
}

/** What one connection did for a message. */
export interface AttemptResult {
  outcome: Outcome;
  written: boolean;
  /** Another try would be no better. */
  final?: boolean;
}

/** A message that waits for its answer, or to be written. */
interface PendingRequest {
  message: string;
  deadline: number;
  /** When it stops waiting where it is, on the clock of `performance.now()`. */
  expiresAt: number;
  settle: (answer: AttemptResult) => void;
}

/** How long a server that was told goodbye may take to close its side. */
const LINGER_MS = 1000;

/**
 * Takes messages while it is `open`. When it hangs up it is `leaving`, and still hears the answers to what it has sent.
 * When it is `over`, every message has its outcome.
 */
export class Connection {
  readonly address: string;
  readonly #socket: Socket;
  readonly #writer: Writer;
  readonly #options: ConnectionOptions;
  readonly #unwritten = new Queue<PendingRequest>();
  readonly #unanswered = new Queue<PendingRequest>();
  #state: 'open' | 'leaving' | 'over' = 'open';
  #wasAnswered = false;
  #ending: ConnectionEnd = { why: 'the connection was closed', next: 'at once' };
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.address = socket.remoteAddress ?? 'unknown';
    this.#socket = socket;
    this.#options = options;
    this.#writer = new Writer(socket, { ...options, codec: options.protocol.codec }, () => this.#write());
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onLost(connectionLost(` (${error.code})`)));
    socket.on('close', () => this.#onLost(connectionLost()));
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  /** Sends a message; `settle` is told what became of it, at the deadline at the latest. */
  request(message: string, deadline: number, settle: (answer: AttemptResult) => void): void {
    if (!this.open) {
      settle({ outcome: { kind: 'not_handled', why: this.#ending.why }, written: false });
      return;
    }
    this.#unwritten.push({ message, deadline, expiresAt: deadline, settle });
    this.#checkAt(deadline);
    this.#write();
  }

  /** Writes what was held back. */
  flush(): void {
    this.#writer.flush();
  }

  /** Takes no more messages, and ends when all that were sent have their answers. */
  close(): void {
    if (!this.open) return;
    this.#state = 'leaving';
    this.#returnUnwritten();
    this.#writer.end();
    this.#endIfDone();
  }

  /** Ends at once; what is unanswered is `unknown`. */
  destroy(why: string): void {
    this.#onLost(why);
    this.#socket.destroy();
  }

  #write(): void {
    while (this.open && this.#unanswered.length < this.#options.protocol.window && !this.#writer.isFull) {
      const next = this.#unwritten.shift();
      if (next === undefined) return;
      this.#writeOne(next);
    }
  }

  #writeOne(waiting: PendingRequest): void {
    try {
      this.#writer.write(waiting.message);
    } catch (error) {
      waiting.settle({ outcome: { kind: 'not_handled', why: (error as Error).message }, written: false });
      return;
    }
    waiting.expiresAt = Math.min(waiting.deadline, performance.now() + this.#options.replyTimeoutMs);
    this.#checkAt(waiting.expiresAt);
    this.#unanswered.push(waiting);
  }

  #onData(bytes: Buffer): void {
    const { protocol, logger } = this.#options;
    if (this.#state === 'over') return;
    if (logger.isLevelEnabled('trace')) {
      const fields = { address: this.address, bytes: hexBytes(bytes) };
      logger.trace(fields, `read ${sizeOf(bytes)}: ${fields.bytes}`);
    }
    protocol.codec.push(bytes);
    this.#handleAll(() => protocol.codec.next());
    this.#write();
  }

  #onEnd(): void {
    this.#handleAll(() => (this.#state === 'over' ? undefined : this.#options.protocol.codec.end()));
    this.#onLost('the server closed the connection before its answer');
  }

  #handleAll(next: () => unknown): void {
    try {
      for (let input = next(); input !== undefined && this.#state !== 'over'; input = next()) {
        this.#handle(this.#options.protocol.meaningOf(input, this.#wasAnswered));
      }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.destroy(`the server broke the protocol: ${error.message}`);
    }
  }

  #handle({ outcome, final, ending }: Meaning): void {
    // A last word may come to nothing that was asked.
    const isLastWord = ending !== undefined && this.#unanswered.length === 0;
    if (outcome && !isLastWord) this.#answer({ outcome, written: true, ...(final && { final }) });
    // What it has not answered, it has not handled.
    if (ending) this.#end(ending, 'not_handled');
  }

  #answer(answer: AttemptResult): void {
    this.#wasAnswered = true;
    const oldest = this.#unanswered.shift();
    if (oldest === undefined) return this.destroy('an answer came to nothing that was asked');
    oldest.settle(answer);
    return this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#state === 'leaving' && this.#unanswered.length === 0) this.#end(this.#ending, 'not_handled');
  }

  /** No answer will come any more, and nobody knows what was handled. */
  #onLost(why: string): void {
    this.#end({ why, next: this.#unanswered.length === 0 ? 'at once' : 'soon' }, 'unknown');
  }

  #end(ending: ConnectionEnd, unanswered: 'not_handled' | 'unknown'): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#ending = ending;
    clearTimeout(this.#timer);
    this.#options.ended(ending);
    for (const { settle } of this.#unanswered.drain()) {
      settle({ outcome: { kind: unanswered, why: ending.why }, written: true });
    }
    this.#returnUnwritten();
    this.#writer.dropAndEnd();
    const patience = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(patience));
  }

  #returnUnwritten(): void {
    const outcome: Outcome = { kind: 'not_handled', why: this.#ending.why };
    for (const { settle } of this.#unwritten.drain()) settle({ outcome: outcome, written: false });
  }

  /** Looks at `at`, or before, whether somebody has waited long enough. */
  #checkAt(at: number): void {
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    // A turn later, so that an answer that waits in the kernel is read first.
    this.#timer = setTimeout(() => setImmediate(() => this.#onTimer()), Math.max(1, at - performance.now()));
  }

  #onTimer(): void {
    if (this.#state === 'over') return;
    this.#timerAt = Infinity;
    const now = performance.now();
    // Answers come in order and carry no name: after one was given up, the next one could be taken for it.
    if (this.#unanswered.toArray().some(({ expiresAt }) => expiresAt <= now)) {
      this.destroy('no answer in time: the server is busy, asleep or gone, and may have handled it');
      return;
    }
    const waiting = Map.groupBy(this.#unwritten.drain(), ({ expiresAt }) => (expiresAt <= now ? 'late' : 'in time'));
    this.#unwritten.replace(waiting.get('in time') ?? []);
    for (const { settle } of waiting.get('late') ?? []) {
      settle({
        outcome: {
          kind: 'not_handled',
          why: 'its turn did not come in time: give it more (DEADLINE_MS), or send fewer at once',
        },
        written: false,
      });
    }
    for (const { expiresAt } of this.#unanswered.toArray()) this.#checkAt(expiresAt);
    for (const { expiresAt } of this.#unwritten.toArray()) this.#checkAt(expiresAt);
  }
}

/** `detail`: what the system calls it, in parentheses. */
function connectionLost(detail = ''): string {
  return `the connection broke${detail}: the server ended in the middle, or the network did`;
}
