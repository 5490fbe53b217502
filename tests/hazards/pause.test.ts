/**
 * A server that is paused and goes on, as `docker pause` does it: its timeouts have run out meanwhile, and what its clients
 * sent waits in the kernel. Node runs timers before it reads, so a timeout that acts at once throws out whoever is well.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { RawClient } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type StartedKnockServerContainer } from '../support/knock-server.ts';
import { type Address, disturbed, type Talk, PacedClient } from './support/paced-client.ts';
import { paced } from './support/pacing.ts';
import { type Answer, answers, type Protocol, PROTOCOLS, replies, say } from './support/protocols.ts';

const LINE = 'pause';
/** The time that clients have for each thing that they do; the pause takes twice as long. */
const LIMIT_MS = scaled({ test: 5000, scorecard: 3000 });
const PAUSE_MS = 2 * LIMIT_MS;
const RUNS = scaled({ test: 1, scorecard: 10 });
/** Those who talk all the time. */
const TALKERS: Protocol[] = [
  ...Array.from({ length: 50 }, () => 'frames' as const),
  ...Array.from({ length: 50 }, () => 'text' as const),
  ...Array.from({ length: 20 }, () => 'HTTP' as const),
];
const EVERY_MS = 500;
/** A server that has taken nothing for so long reads no more. */
const HELD_BACK_MS = 300;
const SETTINGS = {
  ...Object.fromEntries(
    ['FIRST_BYTE', 'MESSAGE', 'IDLE', 'WRITE'].map((timeout) => [`${timeout}_TIMEOUT_MS`, `${LIMIT_MS}`]),
  ),
  TEXT_IDLE_MS: `${LIMIT_MS / 2}`,
  REPLY: '{message}',
};

/** A client whose first `yield` is where the server is paused, and whose second is where it goes on. */
type Interrupted = AsyncGenerator<undefined, Talk>;

async function* inMidMessage(address: Address, protocol: Protocol): Interrupted {
  return yield* inHalves(await PacedClient.enter(address, protocol, `in the middle of a message in ${protocol}`));
}

/** In text, inside the pause that would end its message. */
async function* inItsFirstMessage({ host, port }: Address, protocol: Protocol): Interrupted {
  const who = `in the middle of its first message in ${protocol}`;
  return yield* inHalves(new PacedClient(await RawClient.to(port, host), protocol, who));
}

async function* silentSoFar({ host, port }: Address, protocol: Protocol): Interrupted {
  const talker = new PacedClient(await RawClient.to(port, host), protocol, `silent until then, in ${protocol}`);
  yield;
  talker.say();
  return yield* leavesWhenAnswered(talker);
}

/** The kernel lets it in while the server is paused. */
async function* notThereYet({ host, port }: Address, protocol: Protocol): Interrupted {
  yield;
  const talker = new PacedClient(await RawClient.to(port, host), protocol, `not there until then, in ${protocol}`);
  talker.say();
  return yield* leavesWhenAnswered(talker);
}

async function* inHalves(talker: PacedClient): Interrupted {
  const bytes = talker.next();
  talker.client.send(bytes.subarray(0, bytes.length / 2));
  yield;
  talker.client.send(bytes.subarray(bytes.length / 2));
  return yield* leavesWhenAnswered(talker);
}

/** Not before, since its end would be an end of its message, too. */
async function* leavesWhenAnswered(talker: PacedClient): Interrupted {
  const left = talker
    .answered()
    .catch(() => undefined)
    .then(() => talker.leave());
  yield;
  return left;
}

async function* readsMeanwhile({ host, port }: Address, protocol: Protocol): Interrupted {
  const client = await RawClient.to(port, host);
  const expected = await sayUntilHeldBack(client, protocol);
  yield;
  client.socket.resume();
  yield;
  const heard = answers(protocol, await client.closed());
  return { who: `begins to read meanwhile, in ${protocol}`, expected, heard, error: client.error };
}

/** Has used half of its time to read before the pause, and takes more than half of it afterwards: it counts anew. */
async function* readsLate({ host, port }: Address, protocol: Protocol): Interrupted {
  const client = await RawClient.to(port, host);
  const expected = await sayUntilHeldBack(client, protocol);
  await sleep(0.5 * LIMIT_MS - HELD_BACK_MS);
  yield;
  yield;
  // With the half of before it is more than the whole.
  await sleep(0.65 * LIMIT_MS);
  client.socket.resume();
  const heard = answers(protocol, await client.closed());
  return { who: `takes its time to read, in ${protocol}`, expected, heard, error: client.error };
}

/** Reads no replies and says one thing after another until the server reads no more either; then closes its side. */
async function sayUntilHeldBack(client: RawClient, protocol: Protocol): Promise<Answer[]> {
  client.socket.pause();
  const sent: string[] = [];
  let isTaken: unknown = true;
  while (isTaken) {
    const message = `${sent.length} ${'x'.repeat(60_000)}`;
    sent.push(message);
    const taken = new Promise((resolve) => client.socket.write(say(protocol, message), () => resolve(true)));
    isTaken = await Promise.race([taken, sleep(HELD_BACK_MS, false)]);
  }
  client.end();
  return replies(sent);
}

/**
 * Lets them do their first part, pauses the server while they do their second, and resolves when it goes on: with how
 * their last part ends.
 */
async function pauseAmong(server: StartedKnockServerContainer, clients: Interrupted[]): Promise<() => Promise<Talk[]>> {
  const step = () => Promise.all(clients.map((client) => client.next()));
  await step();
  const engine = await server.engine();
  await engine.pause();
  try {
    await Promise.all([sleep(PAUSE_MS), step()]);
  } finally {
    await engine.unpause();
  }
  return async () => (await step()).map(({ value }) => value!);
}

type Way = (address: Address, protocol: Protocol) => Interrupted;

/** Some clients in each protocol for each of these ways. */
function clientsOf(ways: Way[], count: number, address: Address): Interrupted[] {
  const protocols = Array.from({ length: count }, () => PROTOCOLS).flat();
  return ways.flatMap((way) => protocols.map((protocol) => way(address, protocol)));
}

const PAUSED = `by a pause of ${PAUSE_MS} ms at limits of ${LIMIT_MS} ms, ${RUNS} times`;

test('nobody is thrown out who talked, or was about to, while the server was paused for twice its limits', async (context) => {
  await using server = await new KnockServerContainer().withSettings(SETTINGS).start();
  const before = await server.numbers();
  const address = await server.address();
  const talks: Record<Protocol, Talk[]> = { frames: [], text: [], HTTP: [] };
  const interrupted: Talk[] = [];
  const waits: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const talkers = await paced(TALKERS.length, (n) =>
      PacedClient.enter(address, TALKERS[n]!, `run ${run}, client ${n}`),
    );
    for (const talker of talkers) talker.talk(EVERY_MS);
    const others = clientsOf([inMidMessage, inItsFirstMessage, silentSoFar, notThereYet], 3, address);
    const goOn = await pauseAmong(server, others);
    const began = performance.now();
    await Promise.allSettled(talkers.map((talker) => talker.answered()));
    waits.push(performance.now() - began);
    interrupted.push(...(await goOn()));
    const left = await Promise.all(talkers.map((talker) => talker.leave()));
    for (const [n, talk] of left.entries()) talks[TALKERS[n]!].push(talk);
  }

  for (const protocol of PROTOCOLS) {
    const those = talks[protocol];
    const lost = disturbed(those);
    counted(context, { line: LINE, what: `lost in ${protocol} ${PAUSED}`, count: lost.length, of: those.length });
    expect.soft(lost).toEqual([]);
  }
  const lost = disturbed(interrupted);
  const what = `lost in the middle of a message, or before their first, ${PAUSED}`;
  counted(context, { line: LINE, what, count: lost.length, of: interrupted.length });
  measured(context, { line: LINE, what: 'until all are answered again', values: waits, unit: 'ms' });
  expect(lost).toEqual([]);
  expect(Math.max(...waits)).toBeLessThan(scaled({ test: LIMIT_MS, scorecard: 1000 }));
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});

test('nobody is thrown out who has replies to read when the server is paused for twice its limits', async (context) => {
  await using server = await new KnockServerContainer().withSettings(SETTINGS).start();
  const before = await server.numbers();
  const address = await server.address();
  const talks: Talk[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const goOn = await pauseAmong(server, clientsOf([readsMeanwhile, readsLate], 1, address));
    talks.push(...(await goOn()));
  }
  const lost = disturbed(talks);
  const what = `lost with replies to read ${PAUSED}`;
  counted(context, { line: LINE, what, count: lost.length, of: talks.length });
  expect(lost).toEqual([]);
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});
