/** More clients than MAX_CONNECTIONS: connected clients notice nothing, the others get a reason or a close, and none is left hanging. */
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';

import { RawClient } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type StartedKnockServerContainer } from '../support/knock-server.ts';
import { type Address, disturbed, PacedClient } from './support/paced-client.ts';
import { paced } from './support/pacing.ts';
import { answers, type Protocol, PROTOCOLS, say } from './support/protocols.ts';

/** How many clients above the limit get an error reply at once. */
const DENIED_AT_ONCE = 32;
/** A client with neither a reply nor a close by then was left hanging. The first timeout that would close it takes 10 s. */
const HANGING_MS = scaled({ test: 8000, scorecard: 3000 });
/** The longest wait for a connection slot that has become free. */
const SERVED_WITHIN_MS = scaled({ test: 5000, scorecard: 1000 });
const CROWD = 300;

interface Client {
  client: RawClient;
  protocol: Protocol;
  /** `rejected`: with `busy`. `closed`: without an error reply. */
  outcome: 'served' | 'rejected' | 'closed' | 'hanging' | 'other';
  /** From the message to the outcome. */
  ms: number;
}

/** The protocols in turn. */
function protocolOf(n: number): Protocol {
  return PROTOCOLS[n % PROTOCOLS.length]!;
}

/** Sends one message, if any, and waits for a reply, an error reply, a close, or a timeout. */
async function knock(client: RawClient, protocol: Protocol, message?: string): Promise<Client> {
  const began = performance.now();
  const heard = new Promise((resolve) => client.socket.once('data', resolve));
  if (message !== undefined) client.send(say(protocol, message));
  const over = Promise.race([heard, client.closed()]).then(() => true);
  // Node runs timers before it reads: data that has arrived may still be unread.
  const late = sleep(HANGING_MS, undefined, { ref: false }).then(() => immediate(false));
  const outcome = (await Promise.race([over, late])) ? outcomeOf(client, protocol) : 'hanging';
  return { client, protocol, outcome, ms: performance.now() - began };
}

function outcomeOf({ received }: RawClient, protocol: Protocol): Client['outcome'] {
  const [first, ...more] = answers(protocol, received);
  if (first === undefined) return 'closed';
  if (first.kind === 'reply') return 'served';
  const isBusy = first.kind === 'errorReply' && /^(?:503 )?busy: /.test(first.text) && more.length === 0;
  const hasRetryAfter = protocol !== 'HTTP' || received.includes('\r\nRetry-After: 1\r\n');
  return isBusy && hasRetryAfter ? 'rejected' : 'other';
}

function count(clients: Client[], outcome: Client['outcome']): number {
  return clients.filter((client) => client.outcome === outcome).length;
}

/** The outcome, and the connection's error. */
function describe({ outcome, client }: Client): string {
  return `${outcome}, ${client.error?.code}`;
}

/** Requests both probes from inside the container, as the health check does. */
const PROBE = `
  const { get } = require('node:http');
  const ask = (path) => new Promise((resolve, reject) =>
    get({ port: 12000, path, agent: false }, (response) => resolve(response.statusCode)).on('error', reject));
  Promise.all(['/healthz', '/readyz'].map(ask)).then((codes) => console.log(codes.join(' ')));
`;

async function probe(server: StartedKnockServerContainer): Promise<string> {
  return (await server.exec(['node', '-e', PROBE])).output.trim();
}

/** Repeats `sample` until `until` is settled, at least once; resolves with all results. */
async function meanwhile<Seen>(until: Promise<unknown>, sample: () => Promise<Seen>): Promise<Seen[]> {
  const over = new AbortController();
  const settled = until.finally(() => over.abort());
  const seen: Seen[] = [];
  while (!over.signal.aborted) seen.push(await sample());
  await settled;
  return seen;
}

/** New clients one after another: the time until each is served, retrying at once after `busy`. */
async function newClients({ host, port }: Address): Promise<{ times: number[]; denied: number }> {
  const times: number[] = [];
  let knocks = 0;
  while (times.length < 20) {
    const began = performance.now();
    let outcome;
    while (outcome !== 'served') {
      const { client, ...came } = await knock(await RawClient.to(port, host), protocolOf(times.length), 'a new client');
      knocks += 1;
      outcome = came.outcome;
      client.end();
      await client.closed();
    }
    times.push(performance.now() - began);
  }
  return { times, denied: knocks - times.length };
}

test.for(scaled({ test: [50], scorecard: [50, 1000] }))(
  'at a limit of %i, 300 more clients get `busy` or a close, and connected clients are not disturbed',
  async (limit, context) => {
    await using server = await new KnockServerContainer()
      .withSettings({ MAX_CONNECTIONS: `${limit}`, REPLY: '{message}' })
      // One health check only: another would take a slot and disturb the counts. The probes below check the same.
      .withHealthCheck({ test: ['CMD', 'node', 'healthcheck.mjs'], interval: 3_600_000 })
      .start();
    const before = await server.numbers();
    const address = await server.address();
    const dial = () => RawClient.to(address.port, address.host);
    // Not `server.dialMany`: it asks the engine for the address, and silent clients have 1.5 s only.
    const dialMany = (clients: number) => Promise.all(Array.from({ length: clients }, dial));
    const inside = await paced(limit, (n) => PacedClient.enter(address, protocolOf(n), `guest ${n}`));
    for (const guest of inside) guest.talk(limit / 2 + 25);

    const at = `at a limit of ${limit}`;
    // Exact: 32 silent clients fill the reject slots, so the next ones are closed at once.
    const first = await dialMany(DENIED_AT_ONCE);
    const behind = await Promise.all((await dialMany(8)).map((client) => knock(client, 'text')));
    const rejected = await Promise.all(first.map((client, n) => knock(client, protocolOf(n), 'let me in')));
    const withReason = count(rejected, 'rejected');
    counted(context, {
      line: 'connection-limit',
      what: `32 at once ${at}: got a reason`,
      count: withReason,
      of: DENIED_AT_ONCE,
    });
    expect(behind.map(describe)).toEqual(behind.map(() => 'closed, undefined'));
    expect(rejected.map(describe)).toEqual(rejected.map(() => 'rejected, undefined'));

    // Every fourth is silent, and keeps its slot for as long as it can.
    const flood = paced(CROWD, async (n) => knock(await dial(), protocolOf(n), n % 4 === 0 ? undefined : 'let me in'));
    const probes = await meanwhile(flood, () => probe(server));
    const crowd = await flood;
    counted(context, {
      line: 'connection-limit',
      what: `a crowd ${at}: got a reason`,
      count: count(crowd, 'rejected'),
      of: CROWD,
    });
    counted(context, {
      line: 'connection-limit',
      what: `a crowd ${at}: closed without a reason`,
      count: count(crowd, 'closed'),
      of: CROWD,
    });
    const ms = crowd.map((client) => client.ms);
    measured(context, {
      line: 'connection-limit',
      what: `a crowd ${at}: rejected or closed after`,
      values: ms,
      unit: 'ms',
    });
    const sessions = await Promise.all(inside.map((guest) => guest.leave()));
    const lost = disturbed(sessions);
    const times = inside.flatMap((guest) => guest.times);
    measured(context, {
      line: 'connection-limit',
      what: `replies to connected clients meanwhile, ${at}`,
      values: times,
      unit: 'ms',
    });
    counted(context, {
      line: 'connection-limit',
      what: `a crowd ${at}: connected clients disturbed`,
      count: lost.length,
      of: limit,
    });

    expect(lost).toEqual([]);
    const others = crowd.filter(({ outcome }) => outcome !== 'rejected' && outcome !== 'closed');
    expect(others.map(describe)).toEqual([]);
    expect(probes).toEqual(probes.map(() => '200 503'));
    const { times: waits, denied } = await newClients(address);
    measured(context, {
      line: 'connection-limit',
      what: `until a new client is served afterwards, ${at}`,
      values: waits,
      unit: 'ms',
    });
    expect(Math.max(...waits)).toBeLessThan(SERVED_WITHIN_MS);
    await server.expectClosed(before, { busy: DENIED_AT_ONCE + behind.length + CROWD + probes.length + denied });
    await server.expectHealthy(before);
  },
);

const DESCRIPTORS = [128, 256];
/** How many crowds in a row. */
const WAVES = scaled({ test: 2, scorecard: 15 });

/** Beyond this many, when even 256 descriptors are in use, every fourth client is silent and keeps its slot. */
const ROOM = 150;

/** A crowd whose served clients stay connected until all have an outcome. */
async function connectAndStay({ host, port }: Address): Promise<Client[]> {
  const clients = await paced(CROWD, async (n) => {
    const isSilent = n > ROOM && n % 4 === 0;
    return knock(await RawClient.to(port, host), protocolOf(n), isSilent ? undefined : 'let me in');
  });
  for (const { client } of clients) client.end();
  await Promise.all(clients.map(({ client }) => client.closed()));
  return clients;
}

/** The server's open descriptors, and its health check. */
async function look(server: StartedKnockServerContainer) {
  const [descriptors, health] = await Promise.all([
    server.evaluate("fs.readdirSync('/proc/1/fd').length"),
    server.exec(['node', 'healthcheck.mjs']),
  ]);
  return { descriptors: descriptors as number, isHealthy: health.exitCode === 0 };
}

test.for(DESCRIPTORS)(
  'with %i descriptors, a crowd of 300 leaves no client hanging, and the server stays healthy',
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
      for (let wave = 0; wave < WAVES; wave += 1) all.push(...(await connectAndStay(address)));
      return all;
    })();
    const seen = await meanwhile(waves, () => look(server));
    const clients = await waves;

    const at = `with ${nofile} descriptors, ${WAVES} times ${CROWD} clients`;
    const hanging = clients.filter(({ outcome }) => outcome === 'hanging' || outcome === 'other');
    for (const outcome of ['served', 'rejected', 'closed'] as const) {
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

    expect(hanging.map(describe)).toEqual([]);
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
    const { times: waits, denied } = await newClients(address);
    measured(context, {
      line: 'descriptor-limit',
      what: `until a new client is served afterwards, with ${nofile} descriptors`,
      values: waits,
      unit: 'ms',
    });
    expect(Math.max(...waits)).toBeLessThan(SERVED_WITHIN_MS);
    await server.expectClosed(before, { busy: clients.length - count(clients, 'served') + denied });
    // The request for metrics keeps its slot for a moment longer, and it may be the only one.
    await newClients(address);
    await server.expectHealthy(before);
  },
);
