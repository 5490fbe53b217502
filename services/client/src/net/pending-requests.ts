/** The messages of one connection that wait: first to be written, then for their replies, which come in the same order. */
import type { Outcome } from '../delivery/outcome.ts';
import { Queue } from './queue.ts';

/** What one connection did for a message. */
export interface AttemptResult {
  outcome: Outcome;
  written: boolean;
  /** Another attempt would be no better. */
  final?: boolean;
}

export interface PendingRequest {
  message: string;
  /** In the time of `performance.now()`, as `expiresAt`. */
  deadline: number;
  /** When it stops waiting: at its deadline, or earlier once it is written. */
  expiresAt: number;
  settle: (result: AttemptResult) => void;
}

export class PendingRequests {
  readonly #unwritten = new Queue<PendingRequest>();
  readonly #unanswered = new Queue<PendingRequest>();
  readonly #onReplyTimeout: (request: PendingRequest) => void;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  /** `onReplyTimeout`: this request, and perhaps others, had no reply in time. */
  constructor(onReplyTimeout: (request: PendingRequest) => void) {
    this.#onReplyTimeout = onReplyTimeout;
  }

  /** Written, and without a reply. */
  get unanswered(): number {
    return this.#unanswered.length;
  }

  add(request: PendingRequest): void {
    this.#unwritten.push(request);
    this.#checkAt(request.expiresAt);
  }

  nextToWrite(): PendingRequest | undefined {
    return this.#unwritten.shift();
  }

  awaitReply(request: PendingRequest, expiresAt: number): void {
    request.expiresAt = expiresAt;
    this.#unanswered.push(request);
    this.#checkAt(expiresAt);
  }

  /** The oldest request that waits for a reply. */
  nextAnswered(): PendingRequest | undefined {
    return this.#unanswered.shift();
  }

  settleUnanswered(outcome: Outcome): void {
    for (const { settle } of this.#unanswered.drain()) settle({ outcome, written: true });
  }

  settleUnwritten(why: string): void {
    for (const { settle } of this.#unwritten.drain()) settle({ outcome: { kind: 'not_handled', why }, written: false });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timerAt = -Infinity;
  }

  #checkAt(at: number): void {
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    // A turn later, so that a reply that waits in the kernel is read first.
    this.#timer = setTimeout(() => setImmediate(() => this.#onTimer()), Math.max(1, at - performance.now()));
  }

  #onTimer(): void {
    if (this.#timerAt === -Infinity) return;
    this.#timerAt = Infinity;
    const now = performance.now();
    const overdue = this.#unanswered.toArray().find(({ expiresAt }) => expiresAt <= now);
    if (overdue) return this.#onReplyTimeout(overdue);
    const waiting = Map.groupBy(this.#unwritten.drain(), ({ expiresAt }) => (expiresAt <= now ? 'late' : 'in time'));
    this.#unwritten.replace(waiting.get('in time') ?? []);
    const why = 'still queued at its deadline: raise DEADLINE_MS, or send fewer at once';
    for (const { settle } of waiting.get('late') ?? [])
      settle({ outcome: { kind: 'not_handled', why }, written: false });
    for (const { expiresAt } of this.#unanswered.toArray()) this.#checkAt(expiresAt);
    for (const { expiresAt } of this.#unwritten.toArray()) this.#checkAt(expiresAt);
  }
}
