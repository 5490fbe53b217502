import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import type { LogLine } from '../support/demo.ts';
import { startSwarm, type Swarm } from '../support/swarm.ts';
import { uniqueName } from '../support/unique-name.ts';

/** A greeting in its client's log. */
type Greeting = LogLine & { time: number; message: string; outcome: string; attempts: number };

/** Greeting clients during the update, and greetings of each. */
const [CLIENTS, TIMES] = scaled<[number, number]>({ test: [8, 250], scorecard: [30, 340] });
const GREETINGS = CLIENTS * TIMES;
const GREETING = { MESSAGE: '{client} #{n}' };
/** For a client that sends everything at once, and waits for its last reply. */
const PATIENT = { DEADLINE_MS: '90000', REPLY_TIMEOUT_MS: '90000' };

test(
  `rolling update of three servers under ${GREETINGS} greetings and five long sessions: nothing fails, is lost or is handled twice`,
  { timeout: 240_000 },
  async (context) => {
    await using swarm = await startSwarm({ ...GREETING, REPLY: '50', INTERVAL_MS: '150' });
    await swarm.deploy({ CLIENTS: String(CLIENTS) });
    const conversations = Array.from({ length: 5 }, (_, n) => longConversation(`session-${n + 1}`));
    const updateUnderLoad = async () => {
      await untilHandled(swarm, [...nthGreetings(CLIENTS, 5), ...conversations.map(([first]) => idOf(first!))]);
      return update(swarm, { REPLY: '51' }, 'completed');
    };
    const [{ began }, ...replies] = await Promise.all([
      updateUnderLoad(),
      ...conversations.map((texts) => swarm.send(texts, PATIENT)),
    ]);
    await untilHandled(swarm, nthGreetings(CLIENTS, TIMES));
    await swarm.stopClients();

    expect(replies.map((texts) => texts.map(idOf))).toEqual(conversations.map((texts) => texts.map(idOf)));
    const greetings = await greetingsOf(swarm);
    const total = greetings.length;
    expect(total).toBeGreaterThanOrEqual(GREETINGS);
    const failed = greetings.filter(hasFailed);
    counted(context, { line: 'rolling-update', what: 'greetings that failed', count: failed.length, of: total });
    expect(failed).toEqual([]);
    const said = [...greetings.map(({ message }) => message), ...conversations.flat().map(idOf)];
    const wrong = await handledOtherThanOnce(swarm, said);
    counted(context, {
      line: 'rolling-update',
      what: 'messages lost or handled twice',
      count: wrong.length,
      of: said.length,
    });
    expect(wrong).toEqual([]);
    const firstTrySuccesses = greetings.filter(({ attempts }) => attempts === 1).length;
    counted(context, {
      line: 'rolling-update',
      what: 'replied at the first attempt',
      count: firstTrySuccesses,
      of: total,
    });
    expect(firstTrySuccesses / total).toBeGreaterThanOrEqual(0.999);
    const values = gaps(greetings.filter(({ time }) => time >= began));
    measured(context, {
      line: 'rolling-update',
      what: 'from one reply of a client to its next, every 150 ms',
      values,
      unit: 'ms',
    });

    const servers = await swarm.logs('server');
    // Start-first: each new server listens before an old one gets SIGTERM, one at a time.
    expect(serversAtOnce(servers)).toEqual([1, 2, 3, 4, 3, 4, 3, 4, 3]);
    expect(servers.flat().filter(({ reason }) => reason === 'drained').length).toBeGreaterThan(0);
    const ended = (await swarm.inspect('server')).filter(({ State }) => !State.Running);
    expect(ended.map(({ State }) => State.ExitCode)).toEqual([0, 0, 0]);
  },
);

interface BadServer {
  what: string;
  /** Replaces the server's program. */
  program: string;
}

const ENDS: BadServer = { what: 'ends at once', program: 'process.exit(1)' };
/** The slowest failure for Swarm to detect. */
const IS_NEVER_HEALTHY: BadServer = {
  what: 'listens but never gets healthy',
  program: "require('node:net').createServer().listen(12000)",
};
const BAD_SERVERS = scaled({ test: [ENDS], scorecard: [ENDS, IS_NEVER_HEALTHY] });

test(
  `a server that ${BAD_SERVERS.map(({ what }) => what).join(' or ')} is rolled back within a minute, and no greeting fails`,
  { timeout: 240_000 },
  async (context) => {
    // Disposed of after their containers.
    await using images = new AsyncDisposableStack();
    await using swarm = await startSwarm({ ...GREETING, REPLY: '1', INTERVAL_MS: '100' });
    const good = await swarm.serverImage();
    await swarm.deploy({ CLIENTS: '10' });
    await untilHandled(swarm, nthGreetings(10, 5));
    for (const { what, program } of BAD_SERVERS) {
      const bad = images.use(await buildBadServer(program));
      const { ms: rollbackMs } = await update(swarm, { KNOCK_SERVER_IMAGE: bad.image }, 'rollback_completed');
      measured(context, { line: 'rollback', what: `a server that ${what}`, values: [rollbackMs / 1000], unit: 's' });
      expect(rollbackMs).toBeLessThan(60_000);
      expect(await swarm.serverImage()).toBe(good);
      const servers = await swarm.inspect('server');
      expect(servers.map(({ Config }) => Config.Image)).toContain(bad.image);
      const running = servers.filter(({ State }) => State.Running);
      expect(running.map(({ Config }) => Config.Image)).toEqual([good, good, good]);
    }
    await swarm.stopClients();

    const greetings = await greetingsOf(swarm);
    const failed = greetings.filter(hasFailed);
    counted(context, {
      line: 'rollback',
      what: 'greetings that failed meanwhile',
      count: failed.length,
      of: greetings.length,
    });
    expect(failed).toEqual([]);
    const said = greetings.map(({ message }) => message);
    expect(await handledOtherThanOnce(swarm, said)).toEqual([]);
  },
);

/**
 * A session as long as an update, at 50 ms per message. It is too large for a server to have read all of it: a draining
 * server replies to some messages, and its goaway returns the rest.
 */
function longConversation(name: string): string[] {
  return Array.from({ length: 500 }, (_, n) => `${name} #${n + 1} ${'.'.repeat(2000)}`);
}

/** The unique part of a message in a long session. */
function idOf(text: string): string {
  return text.replace(/ \.+$/, '');
}

/** The nth greeting of each client. */
function nthGreetings(clients: number, n: number): string[] {
  return Array.from({ length: clients }, (_, client) => `client-${client + 1} #${n}`);
}

/** The server's image with another program. */
async function buildBadServer(program: string): Promise<AsyncDisposable & { image: string }> {
  // Swarm reports it like this.
  const image = `${uniqueName()}:latest`;
  const run = promisify(execFile);
  const building = run('docker', ['build', '--quiet', '--tag', image, '-']);
  building.child.stdin!.end(`FROM knock-server\nENTRYPOINT ${JSON.stringify(['node', '--eval', program])}\n`);
  await building;
  return {
    image,
    [Symbol.asyncDispose]: async () => {
      await run('docker', ['image', 'rm', image]);
    },
  };
}

/** Deploys these changes. Resolves when Swarm reports this state of the update. */
async function update(swarm: Swarm, changes: Record<string, string>, end: string) {
  const began = Date.now();
  await swarm.beginDeploy(changes);
  await expect.poll(() => swarm.updateState(), { timeout: 90_000, interval: 250 }).toBe(end);
  return { began, ms: Date.now() - began };
}

/** How often each message was handled, from the recording handlers. */
async function handled(swarm: Swarm): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const line of (await swarm.logs('server')).flat()) {
    if (typeof line['handled'] !== 'string') continue;
    const id = idOf(line['handled']);
    times.set(id, (times.get(id) ?? 0) + 1);
  }
  return times;
}

async function untilHandled(swarm: Swarm, ids: string[]): Promise<void> {
  const missing = async () => {
    const times = await handled(swarm);
    return ids.filter((id) => !times.has(id));
  };
  await expect.poll(missing, { timeout: 60_000, interval: 1000 }).toEqual([]);
}

/** Messages lost, handled twice, or handled without having been sent. */
async function handledOtherThanOnce(swarm: Swarm, ids: string[]): Promise<string[]> {
  const times = await handled(swarm);
  for (const { message } of (await saidBy(swarm)).filter(isCutShort)) times.delete(message);
  const wrong = ids.filter((id) => times.get(id) !== 1);
  for (const id of ids) times.delete(id);
  return [...wrong, ...times.keys()];
}

/** The greetings of all clients, checked by number to be complete. */
async function greetingsOf(swarm: Swarm): Promise<Greeting[]> {
  const said = await saidBy(swarm);
  for (const own of Map.groupBy(said, ({ name }) => name).values()) {
    expect(own.map(({ message }) => message)).toEqual(own.map(({ name }, index) => `${name} #${index + 1}`));
  }
  return said.filter((greeting) => !isCutShort(greeting));
}

/** Whether it has no reply, or another greeting's. */
function hasFailed({ outcome, reply, message }: Greeting): boolean {
  return outcome !== 'replied' || reply !== message;
}

async function saidBy(swarm: Swarm): Promise<Greeting[]> {
  return (await swarm.logs('client')).flat().filter((line) => 'outcome' in line) as Greeting[];
}

/** The test stopped the client during this greeting: its result is unknown. */
function isCutShort({ why }: Greeting): boolean {
  return String(why).startsWith('this client was stopped');
}

/** Each client's times from one reply to the next, in milliseconds. */
function gaps(greetings: Greeting[]): number[] {
  const clients = Map.groupBy(greetings, ({ name }) => name);
  return [...clients.values()].flatMap((own) => own.slice(1).map(({ time }, index) => time - own[index]!.time));
}

/** The number of accepting servers after each start and each SIGTERM. */
function serversAtOnce(logs: LogLine[][]): number[] {
  const changes = logs.flat().flatMap(({ time, port, signal }) => {
    if (port !== undefined) return { time: time as number, by: 1 };
    return signal === undefined ? [] : { time: time as number, by: -1 };
  });
  let count = 0;
  return changes.sort((one, other) => one.time - other.time).map(({ by }) => (count += by));
}
