/** A server that fails must not get twice the load because of it: what was left unanswered is seldom sent again. */
import type { Socket } from 'node:net';

import type { Client } from '@knock/client/delivery/client';
import type { SendResult } from '@knock/client/delivery/delivery';
import { frame, onMessage, scripted } from '@knock/client/test/scripted-server';
import { expect, onTestFinished, test, vi } from 'vitest';

import { measured } from '../scorecard/measured.ts';
import { clientOf } from './support/client-in-process.ts';

const LINE = 'retry-budget';
const MESSAGES = Array.from({ length: 1000 }, (_, n) => `message ${n}`);
const MOST_ATTEMPTS = 1.1;

/** What the budget lets be sent again whatever happens, and after how many replies one more. */
const AT_FIRST = 32;
const REPLIES_FOR_ONE_MORE = 10;

/** Breaks off, all in a moment, each `nth` time that it has read a message, and answers the others. */
class BreakingServer {
  readonly #nth: number;
  /** How many messages it has read. */
  heard = 0;

  constructor(nth: number) {
    this.#nth = nth;
  }

  readonly serve = (socket: Socket): void =>
    onMessage(socket, (message) => {
      if (socket.destroyed) return;
      this.heard += 1;
      if (this.heard % this.#nth === 0) socket.destroy();
      else socket.write(frame(message));
    });
}

/** How many are on their way at once, in words. */
const MANNERS = { 'one after another': 1, 'fifty at a time': 50, 'all at once': MESSAGES.length };
type Manner = keyof typeof MANNERS;

/** Sends all messages; all of them may be handled twice. */
async function sendAll(client: Client, manner: Manner): Promise<SendResult[]> {
  const waiting = MESSAGES.entries();
  const deliveries: SendResult[] = [];
  const sendRest = async () => {
    for (const [n, message] of waiting) deliveries[n] = await client.send(message, { idempotent: true });
  };
  await Promise.all(Array.from({ length: MANNERS[manner] }, sendRest));
  return deliveries;
}

/** The client waits longer and longer where nothing is answered, which would take hours; what it may send again does not hang on it. */
function waitForNothing(): void {
  const random = vi.spyOn(Math, 'random').mockReturnValue(0);
  onTestFinished(() => random.mockRestore());
}

const CASES = Object.keys(MANNERS).flatMap((manner) =>
  [
    { nth: 1, when: 'all' },
    { nth: 2, when: 'half' },
  ].map((how) => ({ ...how, manner: manner as Manner })),
);

test.for(CASES)(
  'where the server breaks off $when after reading, messages sent $manner are written 1.1 times each at most',
  async ({ nth, when, manner }, context) => {
    waitForNothing();
    const breaking = new BreakingServer(nth);
    await using server = await scripted(breaking.serve);
    const client = clientOf(server);

    const deliveries = await sendAll(client, manner);
    client.close();

    const attempts = deliveries.map((delivery) => delivery.attempts);
    const written = attempts.reduce((sum, one) => sum + one, 0);
    const what = `attempts for each, ${when} broken off, sent ${manner}, without waiting between them`;
    measured(context, { line: LINE, what, values: [written / MESSAGES.length], unit: '' });
    expect(written / MESSAGES.length).toBeLessThanOrEqual(MOST_ATTEMPTS);
    expect(Math.max(...attempts)).toBeLessThanOrEqual(3);
    expectTrue(deliveries, nth);
    // What was written behind a message at which the server broke off, it has not read.
    expect(breaking.heard).toBeLessThanOrEqual(written);
  },
);

test.for([1, 2, 5, 8, 9, 11, 100])(
  'where the server breaks off one in %i, 32 messages are sent again, and then one for ten replies',
  async (nth) => {
    waitForNothing();
    const breaking = new BreakingServer(nth);
    await using server = await scripted(breaking.serve);
    const client = clientOf(server);

    const deliveries = await sendAll(client, 'one after another');
    client.close();

    const replies = deliveries.filter(({ outcome }) => outcome.kind === 'replied').length;
    const again = breaking.heard - MESSAGES.length;
    expect(again).toBeLessThanOrEqual(AT_FIRST + replies / REPLIES_FOR_ONE_MORE);
    // A budget that lets nothing be sent again would keep that, too. (Where all fails, one in three of those is at its last attempt.)
    expect(again).toBeGreaterThanOrEqual(Math.min(AT_FIRST / 2, Math.floor(MESSAGES.length / nth)));
  },
);

/** Each has one outcome, and the right one. */
function expectTrue(deliveries: SendResult[], nth: number): void {
  const outcomes = deliveries.map(({ outcome }) => (outcome.kind === 'replied' ? outcome.reply : outcome.kind));
  expect(outcomes).toEqual(MESSAGES.map((message) => expect.toBeOneOf(nth === 1 ? ['unknown'] : [message, 'unknown'])));
}
