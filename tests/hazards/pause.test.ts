/**
 * A server resumes after `docker pause`: its timeouts have expired, and its clients' data waits in the kernel. Node runs timers
 * before it reads, so a timeout that acts at once would disconnect healthy clients.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { RawClient } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type StartedKnockServerContainer } from '../support/knock-server.ts';
import { type Address, disturbed, type ClientSession, PacedClient } from './support/paced-client.ts';
import { paced } from './support/pacing.ts';
import { type Answer, answers, type Protocol, PROTOCOLS, replies, say } from './support/protocols.ts';

const LINE = 'pause';
/** All timeouts; the pause takes twice as long. */
const LIMIT_MS = scaled({ test: 5000, scorecard: 3000 });
const PAUSE_MS = 2 * LIMIT_MS;
const RUNS = scaled({ test: 1, scorecard: 10 });
/** The protocols of the clients that send all the time. */
const ACTIVE: Protocol[] = [
  ...Array.from({ length: 50 }, () => 'frames' as const),
  ...Array.from({ length: 50 }, () => 'text' as const),
  ...Array.from({ length: 20 }, () => 'HTTP' as const),
];
const EVERY_MS = 500;
/** If no write completes for this long, the server has stopped reading. */
const BLOCKED_MS = 300;
const SETTINGS = {
  ...Object.fromEntries(
    ['FIRST_BYTE', 'MESSAGE', 'IDLE', 'WRITE'].map((timeout) => [`${timeout}_TIMEOUT_MS`, `${LIMIT_MS}`]),
  ),
  TEXT_IDLE_MS: `${LIMIT_MS / 2}`,
  REPLY: '{message}',
};

/** A client: the server pauses at the first `yield`, and resumes at the second. */
type Interrupted = AsyncGenerator<undefined, ClientSession>;

async function* inMidMessage(address: Address, protocol: Protocol): Interrupted {
  return yield* inHalves(await PacedClient.enter(address, protocol, `in the middle of a message in ${protocol}`));
}

/** In text, within TEXT_IDLE_MS, which would end the message. */
async function* inItsFirstMessage({ host, port }: Address, protocol: Protocol): Interrupted {
  const who = `in the middle of its first message in ${protocol}`;
  return yield* inHalves(new PacedClient(await RawClient.to(port, host), protocol, who));
}

async function* silentSoFar({ host, port }: Address, protocol: Protocol): Interrupted {
  const client = new PacedClient(await RawClient.to(port, host), protocol, `silent until the pause, in ${protocol}`);
  yield;
  client.say();
  return yield* leavesWhenAnswered(client);
}

/** Connects while the server is paused: the kernel queues it. */
async function* notThereYet({ host, port }: Address, protocol: Protocol): Interrupted {
  yield;
  const client = new PacedClient(
    await RawClient.to(port, host),
    protocol,
    `connected during the pause, in ${protocol}`,
  );
  client.say();
  return yield* leavesWhenAnswered(client);
}

async function* inHalves(client: PacedClient): Interrupted {
  const bytes = client.next();
  client.client.send(bytes.subarray(0, bytes.length / 2));
  yield;
  client.client.send(bytes.subarray(bytes.length / 2));
  return yield* leavesWhenAnswered(client);
}

/** Not before, since its FIN would end its message, too. */
async function* leavesWhenAnswered(client: PacedClient): Interrupted {
  const left = client
    .answered()
    .catch(() => undefined)
    .then(() => client.leave());
  yield;
  return left;
}

async function* readsMeanwhile({ host, port }: Address, protocol: Protocol): Interrupted {
  const client = await RawClient.to(port, host);
  const expected = await sendUntilBlocked(client, protocol);
  yield;
  client.socket.resume();
  yield;
  const heard = answers(protocol, await client.closed());
  return { who: `starts to read during the pause, in ${protocol}`, expected, heard, error: client.error };
}

/** Uses half of its time before the pause and more than half afterwards: the timeout must start again. */
async function* readsLate({ host, port }: Address, protocol: Protocol): Interrupted {
  const client = await RawClient.to(port, host);
  const expected = await sendUntilBlocked(client, protocol);
  await sleep(0.5 * LIMIT_MS - BLOCKED_MS);
  yield;
  yield;
  // Together with the half before the pause, more than the timeout.
  await sleep(0.65 * LIMIT_MS);
  client.socket.resume();
  const heard = answers(protocol, await client.closed());
  return { who: `reads late, in ${protocol}`, expected, heard, error: client.error };
}

/** Reads nothing and sends messages until back-pressure stops it, then half-closes. */
async function sendUntilBlocked(client: RawClient, protocol: Protocol): Promise<Answer[]> {
  client.socket.pause();
  const sent: string[] = [];
  let isTaken: unknown = true;
  while (isTaken) {
    const message = `${sent.length} ${'x'.repeat(60_000)}`;
    sent.push(message);
    const taken = new Promise((resolve) => client.socket.write(say(protocol, message), () => resolve(true)));
    isTaken = await Promise.race([taken, sleep(BLOCKED_MS, false)]);
  }
  client.end();
  return replies(sent);
}

/**
 * Runs the clients' first part, pauses the server during their second, and resolves after the resume with a function that runs
 * their last part.
 */
async function pauseAmong(
  server: StartedKnockServerContainer,
  clients: Interrupted[],
): Promise<() => Promise<ClientSession[]>> {
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

/** `count` clients per protocol and behaviour. */
function clientsOf(ways: Way[], count: number, address: Address): Interrupted[] {
  const protocols = Array.from({ length: count }, () => PROTOCOLS).flat();
  return ways.flatMap((way) => protocols.map((protocol) => way(address, protocol)));
}

const PAUSED = `by a pause of ${PAUSE_MS} ms with timeouts of ${LIMIT_MS} ms, ${RUNS} times`;

test('no client that was active before or during a pause of twice the timeouts is disconnected', async (context) => {
  await using server = await new KnockServerContainer().withSettings(SETTINGS).start();
  const before = await server.numbers();
  const address = await server.address();
  const sessions: Record<Protocol, ClientSession[]> = { frames: [], text: [], HTTP: [] };
  const interrupted: ClientSession[] = [];
  const waits: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const active = await paced(ACTIVE.length, (n) => PacedClient.enter(address, ACTIVE[n]!, `run ${run}, client ${n}`));
    for (const client of active) client.talk(EVERY_MS);
    const others = clientsOf([inMidMessage, inItsFirstMessage, silentSoFar, notThereYet], 3, address);
    const goOn = await pauseAmong(server, others);
    const began = performance.now();
    await Promise.allSettled(active.map((client) => client.answered()));
    waits.push(performance.now() - began);
    interrupted.push(...(await goOn()));
    const left = await Promise.all(active.map((client) => client.leave()));
    for (const [n, session] of left.entries()) sessions[ACTIVE[n]!].push(session);
  }

  for (const protocol of PROTOCOLS) {
    const those = sessions[protocol];
    const lost = disturbed(those);
    counted(context, { line: LINE, what: `lost in ${protocol} ${PAUSED}`, count: lost.length, of: those.length });
    expect.soft(lost).toEqual([]);
  }
  const lost = disturbed(interrupted);
  const what = `lost in the middle of a message, or before the first, ${PAUSED}`;
  counted(context, { line: LINE, what, count: lost.length, of: interrupted.length });
  measured(context, { line: LINE, what: 'until all clients have replies again', values: waits, unit: 'ms' });
  expect(lost).toEqual([]);
  expect(Math.max(...waits)).toBeLessThan(scaled({ test: LIMIT_MS, scorecard: 1000 }));
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});

test('no client with unread replies is disconnected by a pause of twice the timeouts', async (context) => {
  await using server = await new KnockServerContainer().withSettings(SETTINGS).start();
  const before = await server.numbers();
  const address = await server.address();
  const sessions: ClientSession[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const goOn = await pauseAmong(server, clientsOf([readsMeanwhile, readsLate], 1, address));
    sessions.push(...(await goOn()));
  }
  const lost = disturbed(sessions);
  const what = `lost with replies to read ${PAUSED}`;
  counted(context, { line: LINE, what, count: lost.length, of: sessions.length });
  expect(lost).toEqual([]);
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});
