/** One connection to the server: messages go out without waiting for one another, answers come back in their order. */
import { connect, type Socket } from 'node:net';

import { type Codec, CodecError, GOAWAY, Refusal, type Said } from '@knock/shared/codec';

import type { Verdict } from './verdict.ts';

/** A message that waits for its answer, or to be written. */
interface Waiting {
  message: string;
  /** When it stops waiting, on the clock of `performance.now()`. */
  expiresAt: number;
  settle: (verdict: Verdict) => void;
}

/** How a connection ended. */
interface Ending {
  why: string;
  /** How soon another connection may be tried: at once where nothing was left unanswered. */
  next: 'at once' | 'soon' | 'later';
}

export interface ConnectionOptions {
  address: string;
  port: number;
  timeoutMs: number;
  codec: Codec;
  /** How many messages may be unanswered at once; the rest wait unwritten. */
  window: number;
}

/** After these the server ends the conversation, and has handled nothing behind the message that it refused. */
const FATAL_REFUSALS = ['too_large', 'bad_frame', 'timeout'];

/** Connects. Rejects with the system's error, or ETIMEDOUT when `timeoutMs` have passed. */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const socket = connect({ host: options.address, port: options.port, noDelay: true, allowHalfOpen: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('connect', resolve);
  socket.once('error', reject);
  const tooLate = Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' });
  const timer = setTimeout(() => socket.destroy(tooLate), options.timeoutMs);
  await promise.finally(() => clearTimeout(timer));
  return new Connection(socket, options);
}

export class Connection {
  /** Resolves when no further message can be sent on it. */
  readonly closed: Promise<Ending>;
  readonly address: string;
  readonly #socket: Socket;
  readonly #codec: Codec;
  readonly #window: number;
  readonly #unwritten: Waiting[] = [];
  readonly #unanswered: Waiting[] = [];
  #open = true;
  #close!: (ending: Ending) => void;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  constructor(socket: Socket, { address, codec, window }: Pick<ConnectionOptions, 'address' | 'codec' | 'window'>) {
    this.address = address;
    this.#socket = socket;
    this.#codec = codec;
    this.#window = window;
    this.closed = new Promise((resolve) => (this.#close = resolve));
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('end', () => this.#readEnd());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#breakOff(`the connection broke (${error.code})`));
    socket.on('close', () => this.#breakOff('the connection broke'));
  }

  get open(): boolean {
    return this.#open;
  }

  /** Sends a message and resolves with what became of it, at `expiresAt` at the latest. */
  ask(message: string, expiresAt: number): Promise<Verdict> {
    return new Promise((settle) => {
      this.#unwritten.push({ message, expiresAt, settle });
      if (expiresAt < this.#timerAt) this.#setTimer(expiresAt);
      this.#write();
    });
  }

  /** Ends in good order: says that no more will come. */
  hangUp(): void {
    this.#stop({ why: 'the connection was closed', next: 'at once' });
    this.#socket.end();
  }

  /** Ends at once; what is unanswered is `unknown`. */
  abandon(why: string): void {
    this.#breakOff(why);
    this.#socket.destroy();
  }

  #write(): void {
    while (this.#open && this.#unwritten.length > 0 && this.#unanswered.length < this.#window) {
      const next = this.#unwritten.shift()!;
      let bytes;
      try {
        bytes = this.#codec.encodeMessage(next.message);
      } catch (error) {
        next.settle({ kind: 'not_sent', why: (error as Error).message });
        continue;
      }
      this.#cork();
      this.#unanswered.push(next);
      this.#socket.write(bytes);
    }
  }

  /** One write for all messages of this turn. */
  #cork(): void {
    if (this.#socket.writableCorked > 0) return;
    this.#socket.cork();
    process.nextTick(() => this.#socket.uncork());
  }

  #read(bytes: Buffer): void {
    this.#codec.push(bytes);
    try {
      for (let said = this.#codec.next(); said !== undefined && this.#open; said = this.#codec.next()) this.#hear(said);
    } catch (error) {
      this.#protocolError(error);
    }
    this.#write();
  }

  #readEnd(): void {
    try {
      const rest = this.#codec.end();
      if (rest !== undefined && this.#open) this.#hear(rest);
    } catch (error) {
      this.#protocolError(error);
    }
    this.#breakOff('the server closed the connection before its answer');
    this.#socket.end();
  }

  #hear(said: Said): void {
    if (said === GOAWAY) this.#serverLeaves({ why: 'the server is leaving', next: 'soon' });
    else if (said instanceof Refusal) this.#hearRefusal(said);
    else this.#answer({ kind: 'replied', reply: said });
  }

  #hearRefusal({ code, sentence }: Refusal): void {
    if (code === 'busy') {
      this.#serverLeaves({ why: `busy: ${sentence}`, next: 'later' });
      return;
    }
    this.#answer({ kind: 'refused', code, sentence });
    if (FATAL_REFUSALS.includes(code))
      this.#serverLeaves({ why: `the server ended the conversation: ${code}`, next: 'soon' });
  }

  #answer(verdict: Verdict): void {
    const oldest = this.#unanswered.shift();
    if (oldest) oldest.settle(verdict);
    else if (verdict.kind === 'replied') this.abandon('a reply came that nobody had asked for');
  }

  /** The server's last frame came: what it has not answered, it has not handled. */
  #serverLeaves(ending: Ending): void {
    for (const { settle } of this.#unanswered.splice(0)) settle({ kind: 'not_sent', why: ending.why });
    this.#stop(ending);
    this.#socket.end();
  }

  #protocolError(error: unknown): void {
    if (!(error instanceof CodecError)) throw error;
    this.abandon(`the server broke the protocol: ${error.message}`);
  }

  /** No answer will come any more, and nobody knows what was handled. */
  #breakOff(why: string): void {
    const next = this.#unanswered.length === 0 ? 'at once' : 'soon';
    for (const { settle } of this.#unanswered.splice(0)) settle({ kind: 'unknown', why });
    this.#stop({ why, next });
  }

  #stop(ending: Ending): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#timer);
    for (const { settle } of this.#unwritten.splice(0)) settle({ kind: 'not_sent', why: ending.why });
    this.#close(ending);
  }

  #setTimer(at: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = at;
    // A turn later, so that an answer that waits in the kernel is read first.
    this.#timer = setTimeout(() => setImmediate(() => this.#timeUp()), at - performance.now());
  }

  #timeUp(): void {
    if (!this.#open) return;
    const now = performance.now();
    const late = ({ expiresAt }: Waiting) => expiresAt <= now;
    for (const { settle } of this.#unwritten.filter(late))
      settle({ kind: 'not_sent', why: 'it was not its turn in time' });
    this.#unwritten.splice(0, Infinity, ...this.#unwritten.filter((waiting) => !late(waiting)));
    // Answers come in order and carry no name: after one was given up, the next one could be taken for it.
    if (this.#unanswered.some(late)) this.abandon('no answer in time');
    const next = Math.min(Infinity, ...[...this.#unanswered, ...this.#unwritten].map(({ expiresAt }) => expiresAt));
    this.#timerAt = Infinity;
    if (next < Infinity) this.#setTimer(next);
  }
}
