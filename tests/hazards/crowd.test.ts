/** More clients than the server takes: those inside notice nothing, those outside hear why, and nobody is left hanging. */
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';

import { RawClient } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type StartedKnockServerContainer } from '../support/knock-server.ts';
import { type Address, disturbed, PacedClient } from './support/paced-client.ts';
import { paced } from './support/pacing.ts';
import { answers, type Protocol, PROTOCOLS, say } from './support/protocols.ts';

/** How many clients above the limit are told so at once. */
const TOLD_AT_ONCE = 32;
/** A client that has heard nothing by then, not even an end, was left hanging. The first timeout that would end it runs for 10 s. */
const HANGING_MS = scaled({ test: 8000, scorecard: 3000 });
/** Nobody waits so long for a place that has become free. */
const SERVED_WITHIN_MS = scaled({ test: 5000, scorecard: 1000 });
const CROWD = 300;

interface Client {
  client: RawClient;
  protocol: Protocol;
  /** `closed`: without a word. */
  outcome: 'served' | 'told' | 'closed' | 'hanging' | 'other';
  /** From its message to the outcome. */
  ms: number;
}

/** The protocols in turn. */
function protocolOf(n: number): Protocol {
  return PROTOCOLS[n % PROTOCOLS.length]!;
}

/** Says one thing, if anything, and looks what becomes of it: a reply, an error reply, an end, or nothing. */
async function knock(client: RawClient, protocol: Protocol, message?: string): Promise<Client> {
  const began = performance.now();
  const heard = new Promise((resolve) => client.socket.once('data', resolve));
  if (message !== undefined) client.send(say(protocol, message));
  const over = Promise.race([heard, client.closed()]).then(() => true);
  // What has come by then may not have been read yet: Node looks at its timers first.
  const late = sleep(HANGING_MS, undefined, { ref: false }).then(() => immediate(false));
  const outcome = (await Promise.race([over, late])) ? outcomeOf(client, protocol) : 'hanging';
  return { client, protocol, outcome, ms: performance.now() - began };
}

function outcomeOf({ received }: RawClient, protocol: Protocol): Client['outcome'] {
  const [first, ...more] = answers(protocol, received);
  if (first === undefined) return 'closed';
  if (first.kind === 'reply') return 'served';
  const isBusy = first.kind === 'errorReply' && /^(?:503 )?busy: /.test(first.text) && more.length === 0;
  const saysWhenToCome = protocol !== 'HTTP' || received.includes('\r\nRetry-After: 1\r\n');
  return isBusy && saysWhenToCome ? 'told' : 'other';
}

function count(clients: Client[], outcome: Client['outcome']): number {
  return clients.filter((client) => client.outcome === outcome).length;
}

/** The outcome, and the error with which the connection ended. */
function sight({ outcome, client }: Client): string {
  return `${outcome}, ${client.error?.code}`;
}

/** Asks both probes from the machine of the server, as its health check does. */
const PROBE = `
  const { get } = require('node:http');
  const ask = (path) => new Promise((resolve, reject) =>
    get({ port: 12000, path, agent: false }, (response) => resolve(response.statusCode)).on('error', reject));
  Promise.all(['/healthz', '/readyz'].map(ask)).then((codes) => console.log(codes.join(' ')));
`;

async function probe(server: StartedKnockServerContainer): Promise<string> {
  return (await server.exec(['node', '-e', PROBE])).output.trim();
}

/** Looks over and over again until `until` is settled, and once at least; what was seen. */
async function meanwhile<Seen>(until: Promise<unknown>, glance: () => Promise<Seen>): Promise<Seen[]> {
  const over = new AbortController();
  const settled = until.finally(() => over.abort());
  const seen: Seen[] = [];
  while (!over.signal.aborted) seen.push(await glance());
  await settled;
  return seen;
}

/** Newcomers one after another: how long it takes until each is served if it comes back at once when it hears `busy`. */
async function newcomers({ host, port }: Address): Promise<{ times: number[]; turnedAway: number }> {
  const times: number[] = [];
  let knocks = 0;
  while (times.length < 20) {
    const began = performance.now();
    let outcome;
    while (outcome !== 'served') {
      const { client, ...came } = await knock(await RawClient.to(port, host), protocolOf(times.length), 'a newcomer');
      knocks += 1;
      outcome = came.outcome;
      client.end();
      await client.closed();
    }
    times.push(performance.now() - began);
  }
  return { times, turnedAway: knocks - times.length };
}

test.for(scaled({ test: [50], scorecard: [50, 1000] }))(
  'at a limit of %i clients those inside are not disturbed by 300 more, who hear why or are closed',
  async (limit, context) => {
    await using server = await new KnockServerContainer()
      .withSettings({ MAX_CONNECTIONS: `${limit}`, REPLY: '{message}' })
      // Found healthy once; a second check would take a place in the middle of the counting. The same is asked below.
      .withHealthCheck({ test: ['CMD', 'node', 'healthcheck.mjs'], interval: 3_600_000 })
      .start();
    const before = await server.numbers();
    const address = await server.address();
    const dial = () => RawClient.to(address.port, address.host);
    // Not the container's own way: it asks the engine for the address, and whoever has not spoken has 1.5 s only.
    const dialMany = (clients: number) => Promise.all(Array.from({ length: clients }, dial));
    const inside = await paced(limit, (n) => PacedClient.enter(address, protocolOf(n), `guest ${n}`));
    for (const guest of inside) guest.talk(limit / 2 + 25);

    const at = `at a limit of ${limit}`;
    // Exactly: 32 that have not spoken yet stand before the door, so those behind them are closed.
    const first = await dialMany(TOLD_AT_ONCE);
    const behind = await Promise.all((await dialMany(8)).map((client) => knock(client, 'text')));
    const told = await Promise.all(first.map((client, n) => knock(client, protocolOf(n), 'let me in')));
    const heardWhy = count(told, 'told');
    counted(context, {
      line: 'connection-limit',
      what: `32 at once ${at}: heard why`,
      count: heardWhy,
      of: TOLD_AT_ONCE,
    });
    expect(behind.map(sight)).toEqual(behind.map(() => 'closed, undefined'));
    expect(told.map(sight)).toEqual(told.map(() => 'told, undefined'));

    // A crowd, every fourth of which says nothing and stands in the way for as long as it may.
    const flood = paced(CROWD, async (n) => knock(await dial(), protocolOf(n), n % 4 === 0 ? undefined : 'let me in'));
    const probes = await meanwhile(flood, () => probe(server));
    const crowd = await flood;
    counted(context, {
      line: 'connection-limit',
      what: `a crowd ${at}: heard why`,
      count: count(crowd, 'told'),
      of: CROWD,
    });
    counted(context, {
      line: 'connection-limit',
      what: `a crowd ${at}: closed without a word`,
      count: count(crowd, 'closed'),
      of: CROWD,
    });
    const ms = crowd.map((client) => client.ms);
    measured(context, {
      line: 'connection-limit',
      what: `a crowd ${at}: told or closed after`,
      values: ms,
      unit: 'ms',
    });
    const talks = await Promise.all(inside.map((guest) => guest.leave()));
    const lost = disturbed(talks);
    const times = inside.flatMap((guest) => guest.times);
    measured(context, { line: 'connection-limit', what: `replies inside meanwhile, ${at}`, values: times, unit: 'ms' });
    counted(context, {
      line: 'connection-limit',
      what: `a crowd ${at}: disturbed inside`,
      count: lost.length,
      of: limit,
    });

    expect(lost).toEqual([]);
    const others = crowd.filter(({ outcome }) => outcome !== 'told' && outcome !== 'closed');
    expect(others.map(sight)).toEqual([]);
    expect(probes).toEqual(probes.map(() => '200 503'));
    const { times: waits, turnedAway } = await newcomers(address);
    measured(context, {
      line: 'connection-limit',
      what: `until a newcomer is served afterwards, ${at}`,
      values: waits,
      unit: 'ms',
    });
    expect(Math.max(...waits)).toBeLessThan(SERVED_WITHIN_MS);
    await server.expectClosed(before, { busy: TOLD_AT_ONCE + behind.length + CROWD + probes.length + turnedAway });
    await server.expectHealthy(before);
  },
);

const DESCRIPTORS = [128, 256];
/** How often the crowd comes. */
const WAVES = scaled({ test: 2, scorecard: 15 });

/** When there is no room left even with 256 descriptors, every fourth says nothing and stands in the way. */
const ROOM = 150;

/** A crowd of which whoever is served stays until all have knocked. */
async function comeAndStay({ host, port }: Address): Promise<Client[]> {
  const clients = await paced(CROWD, async (n) => {
    const isSilent = n > ROOM && n % 4 === 0;
    return knock(await RawClient.to(port, host), protocolOf(n), isSilent ? undefined : 'let me in');
  });
  for (const { client } of clients) client.end();
  await Promise.all(clients.map(({ client }) => client.closed()));
  return clients;
}

/** How many descriptors the server has open, and whether its image's own health check finds it well. */
async function look(server: StartedKnockServerContainer) {
  const [open, health] = await Promise.all([
    server.exec(['ls', '/proc/1/fd']),
    server.exec(['node', 'healthcheck.mjs']),
  ]);
  return { descriptors: open.output.trim().split('\n').length, isHealthy: health.exitCode === 0 };
}

test.for(DESCRIPTORS)(
  'with %i descriptors a crowd of 300 leaves nobody hanging, the server whole and its health check green',
  async (nofile, context) => {
    await using server = await new KnockServerContainer()
      .withUlimits({ nofile: { soft: nofile, hard: nofile } })
      .start();
    const before = await server.numbers();
    const { State: began } = await (await server.engine()).inspect();
    const warnings = (await server.logLines()).map(({ msg }) => msg);
    expect(warnings).toContainEqual(expect.stringMatching(/^MAX_CONNECTIONS=1000 is lowered to /));
    const address = await server.address();
    const waves = (async () => {
      const all: Client[] = [];
      for (let wave = 0; wave < WAVES; wave += 1) all.push(...(await comeAndStay(address)));
      return all;
    })();
    const seen = await meanwhile(waves, () => look(server));
    const clients = await waves;

    const at = `with ${nofile} descriptors, ${WAVES} times ${CROWD} clients`;
    const hanging = clients.filter(({ outcome }) => outcome === 'hanging' || outcome === 'other');
    for (const outcome of ['served', 'told', 'closed'] as const) {
      counted(context, {
        line: 'descriptor-limit',
        what: `${outcome} ${at}`,
        count: count(clients, outcome),
        of: clients.length,
      });
    }
    counted(context, {
      line: 'descriptor-limit',
      what: `left hanging ${at}`,
      count: hanging.length,
      of: clients.length,
    });
    const most = Math.max(...seen.map(({ descriptors }) => descriptors));
    measured(context, {
      line: 'descriptor-limit',
      what: `descriptors in use at most, of ${nofile}`,
      values: [most],
      unit: '',
    });
    const unhealthy = seen.filter(({ isHealthy }) => !isHealthy).length;
    counted(context, {
      line: 'descriptor-limit',
      what: `health checks that failed ${at}`,
      count: unhealthy,
      of: seen.length,
    });

    expect(hanging.map(sight)).toEqual([]);
    expect(count(clients, 'served')).toBeGreaterThanOrEqual(WAVES);
    expect(most).toBeLessThan(nofile);
    expect(unhealthy).toBe(0);
    const { State: now, RestartCount: restarts } = await (await server.engine()).inspect();
    const { Status, FailingStreak } = now.Health!;
    expect({ restarts, running: now.Running, since: now.StartedAt, Status, FailingStreak }).toEqual({
      restarts: 0,
      running: true,
      since: began.StartedAt,
      Status: 'healthy',
      FailingStreak: 0,
    });
    const { times: waits, turnedAway } = await newcomers(address);
    measured(context, {
      line: 'descriptor-limit',
      what: `until a newcomer is served afterwards, with ${nofile} descriptors`,
      values: waits,
      unit: 'ms',
    });
    expect(Math.max(...waits)).toBeLessThan(SERVED_WITHIN_MS);
    await server.expectClosed(before, { busy: clients.length - count(clients, 'served') + turnedAway });
    // Whoever asked for the numbers takes a place for a moment more, and there may be but one.
    await newcomers(address);
    await server.expectHealthy(before);
  },
);
