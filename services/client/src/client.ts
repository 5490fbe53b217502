/** The client: finds the server, keeps a connection to it, and gives each message exactly one verdict in time. */
import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { FrameCodec, MAX_PAYLOAD_BYTES } from '@knock/shared/frames';
import { LineCodec } from '@knock/shared/lines';

import { type Connection, openConnection } from './connection.ts';
import { RetryBudget } from './retry-budget.ts';
import type { ClientSettings } from './settings.ts';
import type { Verdict } from './verdict.ts';

type Settings = Pick<
  ClientSettings,
  'SERVER_HOST' | 'SERVER_PORT' | 'PROTOCOL' | 'CONNECT_TIMEOUT_MS' | 'REPLY_TIMEOUT_MS' | 'DEADLINE_MS'
>;

export interface SendOptions {
  /** The message may be handled twice: it is sent again where its verdict would be `unknown`. */
  repeatable?: boolean;
}

/** A verdict, and how it came about. */
export interface Delivery {
  verdict: Verdict;
  /** How many times the message was given to a connection. */
  attempts: number;
  /** The address of the server that was asked last. */
  address: string | undefined;
  ms: number;
}

const MAX_IN_FLIGHT = 1024;
const MAX_ATTEMPTS = 3;
const BASE_DELAY_MS = 100;
const BASE_DELAY_AFTER_BUSY_MS = 1000;
const MAX_DELAY_MS = 2000;

/** What may be over in a moment: the server starts, moves, or has just gone; a name is not known yet. */
const WORTH_ANOTHER_TRY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EADDRNOTAVAIL',
]);

export class Client {
  readonly #settings: Settings;
  readonly #budget = new RetryBudget();
  #connecting: Promise<Connection> | undefined;
  #connection: Connection | undefined;
  /** Failures since the last reply, and when the next connection may be tried. */
  #failures = 0;
  #nextTryAt = 0;
  /** Why the last connection ended, or the last try to connect failed. */
  #lastWhy: string | undefined;
  #stopped: string | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Resolves with the message's one verdict, at its deadline at the latest; never rejects. */
  async send(message: string, { repeatable = false }: SendOptions = {}): Promise<Delivery> {
    const start = performance.now();
    const deadline = start + this.#settings.DEADLINE_MS;
    let attempts = 0;
    let address: string | undefined;
    let verdict: Verdict | undefined;
    for (let again = true; again && performance.now() < deadline;) {
      const connection = await this.#connected(deadline);
      if ('why' in connection) {
        verdict = worse(verdict, { kind: 'not_sent', why: connection.why });
        again = connection.worthAnotherTry;
        continue;
      }
      attempts += 1;
      ({ address } = connection);
      const expiresAt = Math.min(deadline, performance.now() + this.#settings.REPLY_TIMEOUT_MS);
      const answer = await connection.ask(message, expiresAt);
      verdict = worse(verdict, answer);
      again = this.#mayTryAgain(answer, { connection, attempts, repeatable });
    }
    return { verdict: verdict!, attempts, address, ms: performance.now() - start };
  }

  /** Ends the connection in good order; the next message makes a new one. */
  hangUp(): void {
    this.#connection?.hangUp();
    this.#connection = undefined;
  }

  /** Ends at once: what is unanswered is `unknown`, and nothing is sent any more. */
  stop(why: string): void {
    this.#stopped = why;
    this.#connection?.abandon(why);
  }

  #mayTryAgain(
    verdict: Verdict,
    { connection, attempts, repeatable }: { connection: Connection; attempts: number; repeatable: boolean },
  ): boolean {
    switch (verdict.kind) {
      case 'replied':
        this.#failures = 0;
        this.#budget.reply();
        return false;
      case 'refused':
        return false;
      case 'not_sent':
        // On a connection that is still good, the message itself is what cannot be sent.
        return !connection.open;
      case 'unknown':
        return this.#budget.spend() && repeatable && attempts < MAX_ATTEMPTS;
    }
  }

  /** A connection that is open, or why there is none by the deadline. */
  async #connected(deadline: number): Promise<Connection | { why: string; worthAnotherTry: boolean }> {
    if (this.#stopped !== undefined) return { why: this.#stopped, worthAnotherTry: false };
    if (this.#connection?.open) return this.#connection;
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    try {
      return await before(deadline, this.#connecting);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      // Where the deadline came while the next try was waited for, the last try says more.
      const why = error instanceof TooLate ? (this.#lastWhy ?? this.#explain(error)) : this.#explain(error as Error);
      return { why, worthAnotherTry: WORTH_ANOTHER_TRY.has(code) };
    }
  }

  async #connect(): Promise<Connection> {
    await sleep(Math.max(0, this.#nextTryAt - performance.now()));
    try {
      const connection = await this.#open();
      this.#connection = connection;
      void connection.closed.then(({ why, next }) => {
        if (next === 'soon') this.#backOff(why, BASE_DELAY_MS);
        if (next === 'later') this.#backOff(why, BASE_DELAY_AFTER_BUSY_MS);
      });
      return connection;
    } catch (error) {
      this.#backOff(this.#explain(error as Error), BASE_DELAY_MS);
      throw error;
    }
  }

  /** Full jitter: after an outage, clients must not all come back in the same moment. */
  #backOff(why: string, baseMs: number): void {
    this.#lastWhy = why;
    this.#nextTryAt = performance.now() + Math.random() * Math.min(MAX_DELAY_MS, baseMs * 2 ** this.#failures);
    this.#failures += 1;
  }

  /** Looks the name up again each time and tries its addresses in random order, so that replicas share the load. */
  async #open(): Promise<Connection> {
    const { SERVER_HOST, SERVER_PORT, CONNECT_TIMEOUT_MS } = this.#settings;
    const deadline = performance.now() + CONNECT_TIMEOUT_MS;
    const addresses = shuffle(await before(deadline, lookup(SERVER_HOST, { all: true })));
    let lastError: unknown;
    for (const [index, { address }] of addresses.entries()) {
      const timeoutMs = (deadline - performance.now()) / (addresses.length - index);
      try {
        return await openConnection({ address, port: SERVER_PORT, timeoutMs, ...this.#language() });
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError;
  }

  #language() {
    if (this.#settings.PROTOCOL === 'text') {
      return { codec: new LineCodec({ maxBytes: MAX_PAYLOAD_BYTES, side: 'client' }), window: 1 };
    }
    return { codec: new FrameCodec({ maxBytes: MAX_PAYLOAD_BYTES, from: 'server' }), window: MAX_IN_FLIGHT };
  }

  #explain(error: Error): string {
    const { code, message }: NodeJS.ErrnoException = error;
    const { SERVER_HOST, SERVER_PORT } = this.#settings;
    const place = `${SERVER_HOST}:${SERVER_PORT}`;
    switch (code) {
      case 'ECONNREFUSED':
        return `nobody listens at ${place}: start the server, or set SERVER_HOST and SERVER_PORT`;
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return `the name ${SERVER_HOST} is not known: start the server on the same network, or set SERVER_HOST`;
      case 'ETIMEDOUT':
        return `no connection to ${place} in time: is it the right address, and is the server not paused?`;
      default:
        return `no connection to ${place}: ${message}`;
    }
  }
}

/** What two attempts come to: after one that may have been handled, nobody can say any more that it was not sent. */
function worse(earlier: Verdict | undefined, now: Verdict): Verdict {
  return earlier?.kind === 'unknown' && now.kind === 'not_sent' ? earlier : now;
}

function shuffle<Item>(items: Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}

class TooLate extends Error {
  readonly code = 'ETIMEDOUT';
}

/** The promise's result, or a rejection with {@link TooLate} at the deadline on the clock of `performance.now()`. */
async function before<Result>(deadline: number, promise: Promise<Result>): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new TooLate()), deadline - performance.now());
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
