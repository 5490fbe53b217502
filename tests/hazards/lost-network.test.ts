/** A network that fails and returns: the client's, the server's, or only the server's DNS name. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { CloseReason } from '@knock/server/net/close-reason';
import { expect, type TestContext, test, vi } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { type Demo, startDemo } from '../support/demo.ts';
import { expectTrueOutcomes, greetings, RECORDED } from './support/greetings.ts';

const LINE = 'lost-network';
const RUNS = scaled({ test: 3, scorecard: 20 });
/** Durations of the outages; during the longest, greetings reach their deadline. */
const OUTAGES_MS = scaled({ test: [1000], scorecard: [1000, 3000, 7000, 12_000] });
const BACK_WITHIN_MS = 5000;
const DEADLINE_MS = 10_000;

const PATIENCE_MS = 20_000;

/** Close reasons that a lost network may cause; protocol errors are not among them. */
const EXPLAINED: CloseReason[] = ['completed', 'drained', 'client_closed', 'truncated', 'first_byte_timeout', 'error'];

/** Receives queries and answers none, like an unreachable name server. */
const SILENT_NAME_SERVER = `require('node:dgram').createSocket('udp4').bind(53, '127.0.0.1')`;

interface Loss {
  what: string;
  lose: (demo: Demo) => Promise<unknown>;
  restore: (demo: Demo) => Promise<unknown>;
}

const LOSSES: Loss[] = [
  {
    what: 'the client is off the network',
    lose: (demo) => demo.disconnect('client'),
    restore: (demo) => demo.connect('client'),
  },
  {
    what: 'the server is off the network',
    lose: (demo) => demo.disconnect('server'),
    restore: (demo) => demo.connect('server'),
  },
  {
    what: 'the server is stopped, and its name gone',
    lose: async (demo) => (await demo.server.engine()).stop(),
    restore: async (demo) => (await demo.server.engine()).start(),
  },
];

test(`a client gets replies again within 5 s of the network's return, ${RUNS} times`, async (context) => {
  await using demo = await startDemo(RECORDED);
  const waits = await loseAndRestore(demo, LOSSES);
  report(context, waits, '');
  expect(Math.max(...[...waits.values()].flat())).toBeLessThanOrEqual(BACK_WITHIN_MS);
  await expectConsistent(demo);
});

test(`a client gets replies again within 5 s after an outage with a silent name server, ${RUNS} times`, async (context) => {
  await using demo = await startDemo({
    ...RECORDED,
    files: [...RECORDED.files, 'tests/hazards/support/silent-name-server.yml'],
  });
  await demo.compose('exec', '--detach', 'client', 'node', '-e', SILENT_NAME_SERVER);
  const waits = await loseAndRestore(demo, LOSSES.slice(1));
  report(context, waits, ', with a silent name server');
  expect(Math.max(...[...waits.values()].flat())).toBeLessThanOrEqual(BACK_WITHIN_MS);
  await expectConsistent(demo);
});

/** For each loss: milliseconds from the return of the network to the next reply. */
async function loseAndRestore(demo: Demo, losses: Loss[]): Promise<Map<string, number[]>> {
  await firstReplyAfter(demo, 0);
  const waits = new Map(losses.map(({ what }): [string, number[]] => [what, []]));
  for (let run = 0; run < RUNS; run += 1) {
    const { what, lose, restore } = losses[run % losses.length]!;
    await lose(demo);
    await sleep(OUTAGES_MS[run % OUTAGES_MS.length]);
    const returning = Date.now();
    await restore(demo);
    const returned = Date.now();
    waits.get(what)!.push(Math.max(0, (await firstReplyAfter(demo, returning)) - returned));
  }
  return waits;
}

/** The time of the first reply after this moment, in milliseconds since 1970. */
async function firstReplyAfter(demo: Demo, moment: number): Promise<number> {
  return vi.waitFor(
    async () => {
      const all = await greetings(demo);
      const reply = all.find(({ time, outcome }) => outcome === 'replied' && time > moment);
      if (reply === undefined) throw new Error(`no greeting got a reply: ${JSON.stringify(all.at(-1))}`);
      return reply.time;
    },
    { timeout: PATIENCE_MS, interval: 200 },
  );
}

function report(context: TestContext, waits: Map<string, number[]>, where: string): void {
  for (const [what, values] of waits) {
    measured(context, { line: LINE, what: `answered again after ${what}${where}`, values, unit: 'ms' });
  }
  const soon = [...waits.values()].flat().filter((wait) => wait <= BACK_WITHIN_MS).length;
  counted(context, { line: LINE, what: `answered again within 5 s${where}`, count: soon, of: RUNS });
}

/** The client has not crashed, each greeting has an outcome, and the server has leaked nothing. */
async function expectConsistent(demo: Demo): Promise<void> {
  await demo.compose('stop', 'client');
  expect(await demo.exitCodes('client')).toEqual([0]);
  await expectTrueOutcomes(demo, await greetings(demo), { deadlineMs: DEADLINE_MS });
  const ended = (await demo.server.logLines()).filter(({ reason }) => reason !== undefined);
  expect(ended.filter(({ reason }) => !EXPLAINED.includes(reason as CloseReason))).toEqual([]);
  await demo.server.expectHealthy(await demo.server.numbers());
}
