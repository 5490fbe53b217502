/**
 * A server that is killed in mid-reply. Its kernel ends the connection in good order, so the end of the stream looks like
 * the end of a conversation: only who knows how long a reply has to be can tell that it was cut.
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
/** How much later than its deadline a outcome may come: in a test run on a busy machine. */
const LATE_MS = scaled({ test: 2000, scorecard: 100 });
const DEADLINE_MS = scaled({ test: 20_000, scorecard: 10_000 });
/** In a test run no healthy client gives up, however busy the machine: only a server that dies leaves anybody in doubt. */
const TIMEOUTS = scaled({ test: { REPLY_TIMEOUT_MS: 10_000, CONNECT_TIMEOUT_MS: 10_000, DEADLINE_MS }, scorecard: {} });
const MIB = 2 ** 20;
const BYTES = MIB + 1;
/** How often a reply holds its message, so that most of the time is the reply's. */
const TIMES = 12;

/**
 * How many messages each client has on their way. One: the server has read all, and the reply that it was sending is cut by
 * an end that looks clean. Many: it has not, and the connection is reset.
 */
const IN_FLIGHT = [1, 1, 1, 1, 16];

/** What became of one message. */
interface Outcome extends Omit<SendResult, 'outcome'> {
  kind: SendResult['outcome']['kind'];
  why: string;
  /** Whether its reply is what was sent, to the last byte; also where there is no reply. */
  whole: boolean;
  /** When it had its outcome, in milliseconds since 1970. */
  at: number;
}

test(`a server that is killed in mid-reply, ${KILLS} times: no reply is delivered in part, and each message has its outcome`, async (context) => {
  await using server = await new KnockServerContainer()
    .withSettings({ REPLY: '{message}'.repeat(TIMES), MAX_MESSAGE_BYTES: String(2 * MIB) })
    .start();
  const all: Outcome[] = [];
  const lateness: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const address = await server.address();
    const talks = IN_FLIGHT.map((inFlight) => new Talk(clientOf(address, TIMEOUTS), inFlight));
    await Promise.all(talks.map(({ answered }) => answered));
    // Any moment: in the middle of a message, or in the middle of a reply.
    await sleep(Math.random() * 100);
    const diedAt = await killAndStart(server, () => talks.forEach((talk) => talk.stop()));
    const outcomes = (await Promise.all(talks.map((talk) => talk.outcomes))).flat();

    const broken = outcomes.filter(({ kind }) => kind === 'unknown');
    expect.soft(broken.length).toBeGreaterThan(0);
    lateness.push(...broken.map(({ at }) => Math.max(0, at - diedAt)));
    all.push(...outcomes);
    // Whoever comes now is served, and hears nothing of what was before.
    const newcomer = clientOf(await server.address(), TIMEOUTS);
    const { outcome } = await newcomer.send('well?');
    newcomer.close();
    expect.soft(outcome).toEqual({ kind: 'replied', reply: 'well?'.repeat(TIMES) });
  }

  const partial = all.filter(({ whole }) => !whole);
  const late = all.filter(({ ms }) => ms > DEADLINE_MS + LATE_MS);
  const cut = all.filter(({ why }) => why.includes('ended inside a frame'));
  counted(context, { line: LINE, what: 'replies delivered in part', count: partial.length, of: all.length });
  counted(context, { line: LINE, what: 'messages without a outcome in time', count: late.length, of: all.length });
  counted(context, {
    line: LINE,
    what: 'of those, replies that were cut by an end that looks clean',
    count: cut.length,
    of: all.length,
  });
  measured(context, {
    line: LINE,
    what: 'from the server’s death to each outcome in doubt',
    values: lateness,
    unit: 'ms',
  });
  // Else the kills have missed what they are for; of only two they may.
  expect(cut.length).toBeGreaterThanOrEqual(scaled({ test: 0, scorecard: 10 }));
  expect(partial).toEqual([]);
  expect(late).toEqual([]);
  // When a outcome in doubt comes is measured and not promised: by the reply's timeout at the latest.
  await server.expectClosed({}, {});
  await server.expectHealthy(await server.numbers());
});

/** Kills the server, calls `dead`, and starts it again; when it died, in milliseconds since 1970, as the engine saw it. */
async function killAndStart(server: StartedKnockServerContainer, dead: () => void): Promise<number> {
  const engine = await server.engine();
  await engine.kill({ signal: 'KILL' });
  dead();
  const { State } = await engine.inspect();
  await engine.start();
  return Date.parse(State.FinishedAt);
}

/** A client that goes on sending large messages until it is stopped, and then hangs up. */
class Talk {
  /** Resolves with the first answer. */
  readonly answered: Promise<void>;
  /** Resolves when it was stopped and every message has its outcome. */
  readonly outcomes: Promise<Outcome[]>;
  #stopped = false;
  #begun = 0;

  constructor(client: Client, inFlight: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.answered = promise;
    const talkers = Array.from({ length: inFlight }, async () => {
      const outcomes: Outcome[] = [];
      while (!this.#stopped) {
        outcomes.push(await this.#say(client));
        resolve();
      }
      return outcomes;
    });
    this.outcomes = Promise.all(talkers).then((outcomes) => {
      client.close();
      return outcomes.flat();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  async #say(client: Client): Promise<Outcome> {
    this.#begun += 1;
    // Made of its own number, so that a piece of another's reply would show.
    const word = `${this.#begun} `;
    const message = word.repeat(Math.ceil(BYTES / word.length));
    const { outcome, ...delivery } = await client.send(message);
    const whole = outcome.kind !== 'replied' || outcome.reply === message.repeat(TIMES);
    const why = 'why' in outcome ? outcome.why : '';
    return { ...delivery, kind: outcome.kind, why, whole, at: Date.now() };
  }
}
