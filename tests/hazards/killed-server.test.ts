/**
 * A server that is killed in the middle of a reply. The kernel may close the connection with a normal FIN: only the length in a
 * frame's header shows that the reply was truncated.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from '@knock/client/delivery/client';
import type { SendResult } from '@knock/client/delivery/delivery';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type StartedKnockServerContainer } from '../support/knock-server.ts';
import { clientOf } from './support/client-in-process.ts';

const LINE = 'killed-server';
const KILLS = scaled({ test: 2, scorecard: 100 });
/** How much later than its deadline an outcome may come, on a busy machine. */
const LATE_MS = scaled({ test: 2000, scorecard: 100 });
const DEADLINE_MS = scaled({ test: 20_000, scorecard: 10_000 });
/** Generous in a test run: only a killed server may cause an `unknown` outcome, not a busy machine. */
const TIMEOUTS = scaled({ test: { REPLY_TIMEOUT_MS: 10_000, CONNECT_TIMEOUT_MS: 10_000, DEADLINE_MS }, scorecard: {} });
const MIB = 2 ** 20;
const BYTES = MIB + 1;
/** A reply repeats its message, so that most kills hit a reply. */
const TIMES = 12;

/**
 * Messages in flight per client. One: the server has read all input, and the kernel truncates the reply with a clean FIN.
 * Many: unread input remains, and the kernel resets the connection.
 */
const IN_FLIGHT = [1, 1, 1, 1, 16];

/** The result of one message. */
interface Outcome extends Omit<SendResult, 'outcome'> {
  kind: SendResult['outcome']['kind'];
  why: string;
  /** Whether the reply is complete and correct; also true without a reply. */
  whole: boolean;
  /** The time of its outcome, in milliseconds since 1970. */
  at: number;
}

test(`a server killed during replies, ${KILLS} times: no truncated reply is delivered, and each message has an outcome`, async (context) => {
  await using server = await new KnockServerContainer()
    .withSettings({ REPLY: '{message}'.repeat(TIMES), MAX_MESSAGE_BYTES: String(2 * MIB) })
    .start();
  const all: Outcome[] = [];
  const lateness: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const address = await server.address();
    const clients = IN_FLIGHT.map((inFlight) => new BusyClient(clientOf(address, TIMEOUTS), inFlight));
    await Promise.all(clients.map(({ answered }) => answered));
    // At any moment, in a message or in a reply.
    await sleep(Math.random() * 100);
    const diedAt = await killAndStart(server, () => clients.forEach((client) => client.stop()));
    const outcomes = (await Promise.all(clients.map((client) => client.outcomes))).flat();

    const broken = outcomes.filter(({ kind }) => kind === 'unknown');
    expect.soft(broken.length).toBeGreaterThan(0);
    lateness.push(...broken.map(({ at }) => Math.max(0, at - diedAt)));
    all.push(...outcomes);
    // New clients are served, and see nothing of earlier replies.
    const newcomer = clientOf(await server.address(), TIMEOUTS);
    const { outcome } = await newcomer.send('well?');
    newcomer.close();
    expect.soft(outcome).toEqual({ kind: 'replied', reply: 'well?'.repeat(TIMES) });
  }

  const partial = all.filter(({ whole }) => !whole);
  const late = all.filter(({ ms }) => ms > DEADLINE_MS + LATE_MS);
  const cut = all.filter(({ why }) => why.includes('ended inside a frame'));
  counted(context, { line: LINE, what: 'truncated replies delivered', count: partial.length, of: all.length });
  counted(context, { line: LINE, what: 'messages without an outcome in time', count: late.length, of: all.length });
  counted(context, {
    line: LINE,
    what: 'of those, replies truncated by a clean FIN',
    count: cut.length,
    of: all.length,
  });
  measured(context, {
    line: LINE,
    what: 'from the server’s death to each `unknown` outcome',
    values: lateness,
    unit: 'ms',
  });
  // Otherwise the kills missed their purpose; two alone may.
  expect(cut.length).toBeGreaterThanOrEqual(scaled({ test: 0, scorecard: 10 }));
  expect(partial).toEqual([]);
  expect(late).toEqual([]);
  // The time of an `unknown` outcome is measured, not promised: REPLY_TIMEOUT_MS at most.
  await server.expectClosed({}, {});
  await server.expectHealthy(await server.numbers());
});

/** Kills the server, calls `dead`, and restarts it; resolves with the engine's time of death, in milliseconds since 1970. */
async function killAndStart(server: StartedKnockServerContainer, dead: () => void): Promise<number> {
  const engine = await server.engine();
  await engine.kill({ signal: 'KILL' });
  dead();
  const { State } = await engine.inspect();
  await engine.start();
  return Date.parse(State.FinishedAt);
}

/** A client that sends large messages until it is stopped, then closes. */
class BusyClient {
  /** Resolves with the first reply. */
  readonly answered: Promise<void>;
  /** Resolves once it is stopped and every message has an outcome. */
  readonly outcomes: Promise<Outcome[]>;
  #stopped = false;
  #begun = 0;

  constructor(client: Client, inFlight: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.answered = promise;
    const senders = Array.from({ length: inFlight }, async () => {
      const outcomes: Outcome[] = [];
      while (!this.#stopped) {
        outcomes.push(await this.#send(client));
        resolve();
      }
      return outcomes;
    });
    this.outcomes = Promise.all(senders).then((outcomes) => {
      client.close();
      return outcomes.flat();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  async #send(client: Client): Promise<Outcome> {
    this.#begun += 1;
    // Made of its own number, so that a piece of another reply would show.
    const word = `${this.#begun} `;
    const message = word.repeat(Math.ceil(BYTES / word.length));
    const { outcome, ...delivery } = await client.send(message);
    const whole = outcome.kind !== 'replied' || outcome.reply === message.repeat(TIMES);
    const why = 'why' in outcome ? outcome.why : '';
    return { ...delivery, kind: outcome.kind, why, whole, at: Date.now() };
  }
}
