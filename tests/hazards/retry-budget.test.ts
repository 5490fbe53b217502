/** Retries must not double the load on a failing server: the retry budget limits them. */
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

/** The budget's initial retries, and the number of replies that earn another. */
const AT_FIRST = 32;
const REPLIES_FOR_ONE_MORE = 10;

/** Resets the connection after every `nth` message, and replies to the others. */
class BreakingServer {
  readonly #nth: number;
  /** Messages read. */
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

/** Messages in flight, by title. */
const MANNERS = { 'one after another': 1, 'fifty at a time': 50, 'all at once': MESSAGES.length };
type Manner = keyof typeof MANNERS;

/** Sends all messages as idempotent. */
async function sendAll(client: Client, manner: Manner): Promise<SendResult[]> {
  const waiting = MESSAGES.entries();
  const deliveries: SendResult[] = [];
  const sendRest = async () => {
    for (const [n, message] of waiting) deliveries[n] = await client.send(message, { idempotent: true });
  };
  await Promise.all(Array.from({ length: MANNERS[manner] }, sendRest));
  return deliveries;
}

/** Disables backoff, which would take hours; the budget does not depend on it. */
function disableBackoff(): void {
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
  'when the server resets $when after reading, messages sent $manner are written at most 1.1 times each',
  async ({ nth, when, manner }, context) => {
    disableBackoff();
    const breaking = new BreakingServer(nth);
    await using server = await scripted(breaking.serve);
    const client = clientOf(server);

    const deliveries = await sendAll(client, manner);
    client.close();

    const attempts = deliveries.map((delivery) => delivery.attempts);
    const written = attempts.reduce((sum, one) => sum + one, 0);
    const what = `attempts per message, ${when} reset, sent ${manner}, without backoff`;
    measured(context, { line: LINE, what, values: [written / MESSAGES.length], unit: '' });
    expect(written / MESSAGES.length).toBeLessThanOrEqual(MOST_ATTEMPTS);
    expect(Math.max(...attempts)).toBeLessThanOrEqual(3);
    expectTrue(deliveries, nth);
    // The server has not read messages behind a reset.
    expect(breaking.heard).toBeLessThanOrEqual(written);
  },
);

test.for([1, 2, 5, 8, 9, 11, 100])(
  'when the server resets one in %i, 32 messages are retried, and then one per ten replies',
  async (nth) => {
    disableBackoff();
    const breaking = new BreakingServer(nth);
    await using server = await scripted(breaking.serve);
    const client = clientOf(server);

    const deliveries = await sendAll(client, 'one after another');
    client.close();

    const replies = deliveries.filter(({ outcome }) => outcome.kind === 'replied').length;
    const again = breaking.heard - MESSAGES.length;
    expect(again).toBeLessThanOrEqual(AT_FIRST + replies / REPLIES_FOR_ONE_MORE);
    // A budget of 0 would pass the test above. (If all fail, a third of the retries are last attempts.)
    expect(again).toBeGreaterThanOrEqual(Math.min(AT_FIRST / 2, Math.floor(MESSAGES.length / nth)));
  },
);

/** Each message has one outcome, the right one. */
function expectTrue(deliveries: SendResult[], nth: number): void {
  const outcomes = deliveries.map(({ outcome }) => (outcome.kind === 'replied' ? outcome.reply : outcome.kind));
  expect(outcomes).toEqual(MESSAGES.map((message) => expect.toBeOneOf(nth === 1 ? ['unknown'] : [message, 'unknown'])));
}
