/** Many clients reconnect after their server dies: soon, and spread by backoff with jitter (no thundering herd). */
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { measured, scaled } from '../scorecard/measured.ts';
import { type Demo, type LogLine, startDemo } from '../support/demo.ts';
import { expectTrueOutcomes, type Greeting, greetings, RECORDED } from './support/greetings.ts';

const LINE = 'reconnect';
const CLIENTS = scaled({ test: 10, scorecard: 100 });
/** From the server's death to its restart; it listens after about 1.5 and 5 s. */
const OUTAGES_MS = scaled({ test: [1000], scorecard: [1000, 4300, 1000, 4300, 1000, 4300] });
/** The scorecard's limit; looser in a test run on a busy machine. Unbounded backoff would exceed both. */
const BACK_WITHIN_MS = scaled({ test: 5000, scorecard: 2500 });
const MOST_TRIES = 20;
const WINDOW_MS = 100;
const MOST_IN_A_WINDOW = 45;
const DEADLINE_MS = 10_000;

/** A log line with its time, in milliseconds since 1970. */
type Timed = LogLine & { time: number };

/** One run of the server: when it listened, and its accept times. */
interface Life {
  listensAt: number;
  accepts: number[];
}

test(`after a kill and restart, ${CLIENTS} clients are served again within ${BACK_WITHIN_MS / 1000} s, and not all at once`, async (context) => {
  await using demo = await startDemo({
    services: ['server'],
    files: RECORDED.files,
    // Attempts are counted from the log.
    environment: { ...RECORDED.environment, INTERVAL_MS: '1000', LOG_LEVEL: 'debug' },
  });
  // Once healthy: while a hundred containers start, health checks may time out.
  await demo.compose('up', '--detach', '--no-recreate', '--scale', `client=${CLIENTS}`, 'client');
  await untilHeard(demo, (await heard(demo)) + 3 * CLIENTS);
  const kills: number[] = [];
  for (const outageMs of OUTAGES_MS) {
    const engine = await demo.server.engine();
    kills.push(Date.now());
    await engine.kill({ signal: 'KILL' });
    await sleep(outageMs);
    await engine.start();
    // Longer than any client should need.
    await untilHeard(demo, 5 * CLIENTS);
  }
  // In the last run all connections closed normally; a stopped client may close in the middle of a message.
  await demo.server.expectClosed({}, {});
  await demo.compose('stop', 'client');

  const all = await greetings(demo);
  const lines = (await demo.logs('client')) as Timed[];
  const tries = triesToConnect(lines);
  const connections = lines.filter(connected).map(({ time }) => time);
  const lives = livesOf((await demo.server.logLines()) as Timed[]);
  expect(lives).toHaveLength(OUTAGES_MS.length + 1);
  const returns = OUTAGES_MS.map((outageMs, n) => {
    const { listensAt, accepts } = lives[n + 1]!;
    const back = firstReplies(all, listensAt, kills[n + 1]);
    const waits = back.map(([, at]) => at - listensAt);
    const since = (name: string, at: number) => tries.get(name)!.filter((time) => time > kills[n]! && time <= at);
    const triesEach = back.map(([name, at]) => since(name, at).length);
    const made = connections.filter((time) => time >= listensAt && time < (kills[n + 1] ?? Infinity));
    return { outageMs, waits, triesEach, made: mostWithin(made, WINDOW_MS), accepts: mostWithin(accepts, WINDOW_MS) };
  });
  for (const [outageMs, alike] of Map.groupBy(returns, (one) => one.outageMs)) {
    const after = `after a restart ${outageMs} ms after the kill`;
    const waits = alike.flatMap((one) => one.waits);
    const triesEach = alike.flatMap((one) => one.triesEach);
    const made = alike.map((one) => one.made);
    const accepts = alike.map((one) => one.accepts);
    measured(context, { line: LINE, what: `served again ${after}`, values: waits, unit: 'ms' });
    measured(context, { line: LINE, what: `connection attempts ${after}`, values: triesEach, unit: '' });
    measured(context, { line: LINE, what: `connections made in the worst 100 ms ${after}`, values: made, unit: '' });
    measured(context, { line: LINE, what: `accepts in the worst 100 ms ${after}`, values: accepts, unit: '' });
    expect.soft(alike.map((one) => one.waits.length)).toEqual(alike.map(() => CLIENTS));
    expect.soft(Math.max(...waits)).toBeLessThanOrEqual(BACK_WITHIN_MS);
    expect.soft(Math.max(...triesEach)).toBeLessThanOrEqual(MOST_TRIES);
    expect.soft(Math.max(...made)).toBeLessThanOrEqual(MOST_IN_A_WINDOW);
    expect.soft(Math.max(...accepts)).toBeLessThanOrEqual(MOST_IN_A_WINDOW);
  }
  await expectTrueOutcomes(demo, all, { deadlineMs: DEADLINE_MS });
  await demo.server.expectHealthy(await demo.server.numbers());
});

/** Messages since the server's last start. */
async function heard(demo: Demo): Promise<number> {
  return (await demo.server.numbers())['knock_messages_total{protocol="frames"}'] ?? 0;
}

/** From its metrics: reading the log would load the machine more than all clients. */
async function untilHeard(demo: Demo, count: number): Promise<void> {
  await expect.poll(() => heard(demo), { timeout: 30_000, interval: 250 }).toBeGreaterThanOrEqual(count);
}

const connected = ({ msg }: LogLine) => msg.startsWith('connected to ');

const listens = ({ msg }: LogLine) => / listens on port /.test(msg);

/** The server's runs; each connection has one log line, at its end. */
function livesOf(lines: Timed[]): Life[] {
  const lives = lines.filter(listens).map(({ time }) => ({ listensAt: time, accepts: [] as number[] }));
  for (const { time, ms, reason } of lines) {
    if (reason === undefined) continue;
    const acceptedAt = time - Number(ms);
    lives.findLast(({ listensAt }) => listensAt <= time)!.accepts.push(acceptedAt);
  }
  return lives;
}

/** The first reply to each client in this time span, by name. */
function firstReplies(all: Greeting[], since: number, until = Infinity): [string, number][] {
  const first = new Map<string, number>();
  for (const { name, time, outcome } of all) {
    if (outcome === 'replied' && time >= since && time < until)
      first.set(name, Math.min(first.get(name) ?? Infinity, time));
  }
  return [...first];
}

/** Times of each client's connection attempts, from its log. */
function triesToConnect(lines: Timed[]): Map<string, number[]> {
  const failed = ({ level, address }: LogLine) => level === 20 && address === undefined;
  const tries = new Map<string, number[]>();
  for (const line of lines) {
    if (!failed(line) && !connected(line)) continue;
    tries.set(line.name, [...(tries.get(line.name) ?? []), line.time]);
  }
  return tries;
}

/** The largest number of times within any span of this length. */
function mostWithin(times: number[], spanMs: number): number {
  const within = (start: number) => times.filter((time) => time >= start && time < start + spanMs).length;
  return Math.max(0, ...times.map(within));
}
