/** Graceful shutdown on `docker stop`: at once if idle, else after the last reply. */
import { text } from 'node:stream/consumers';

import type { RawClient } from '@knock/server/test/raw-client';
import { CLOCK_ERROR_MS } from '@knock/shared/test/clock-error';
import { getContainerRuntimeClient } from 'testcontainers';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type LogLine, type StartedKnockServerContainer } from '../support/knock-server.ts';
import { endings } from './support/endings.ts';
import { type Answer, answers, type Protocol, PROTOCOLS, replies, say } from './support/protocols.ts';
import { recordingServer } from './support/recording-server.ts';

const LINE = 'graceful-shutdown';
const RUNS = scaled({ test: 1, scorecard: 10 });
/** Compose's stop_grace_period, more than any server needs. */
const GRACE_SECONDS = 15;
/** Generous for a busy machine, and still far below DRAIN_TIMEOUT_MS. */
const AT_ONCE_MS = scaled({ test: 4000, scorecard: 500 });

interface Client {
  client: RawClient;
  protocol: Protocol;
  said: string[];
}

/** Clients with alternating protocols; each has sent all messages at once. */
async function clientsThatSaid(server: StartedKnockServerContainer, all: string[][]): Promise<Client[]> {
  const dialled = await server.dialMany(all.length);
  return dialled.map((client, n) => {
    const protocol = PROTOCOLS[n % PROTOCOLS.length]!;
    const said = all[n]!;
    client.send(Buffer.concat(said.map((message) => say(protocol, message))));
    return { client, protocol, said };
  });
}

/** Waits until the handler got `count` messages. */
async function expectHandling(server: StartedKnockServerContainer, messages: number): Promise<void> {
  const heard = async () => {
    const numbers = Object.entries(await server.numbers());
    return numbers.reduce((sum, [name, number]) => sum + (name.startsWith('knock_messages_total') ? number : 0), 0);
  };
  await expect.poll(heard, { interval: 20 }).toBe(messages);
}

/** What follows the last reply at shutdown: a goaway, in frames. */
function farewell(protocol: Protocol): Answer[] {
  return protocol === 'frames' ? [{ kind: 'goaway', text: '' }] : [];
}

/** Close reasons, from its log. */
async function reasons(server: StartedKnockServerContainer): Promise<string[]> {
  return (await endings(server)).map(({ reason }) => reason);
}

/** How a server exited. */
interface Ended {
  exitCode: number;
  /** From the last signal to the exit, without the engine's own work. */
  ms: number;
  lines: LogLine[];
}

async function ended(server: StartedKnockServerContainer): Promise<Ended> {
  const engine = await server.engine();
  await engine.wait();
  const { State } = await engine.inspect();
  const lines = await server.logLines();
  return { exitCode: State.ExitCode, ms: Date.parse(State.FinishedAt) - (await lastSignalAt(server, lines)), lines };
}

/** In milliseconds since 1970. The engine's event may come after the server got the signal. */
async function lastSignalAt(server: StartedKnockServerContainer, lines: LogLine[]): Promise<number> {
  const { dockerode } = (await getContainerRuntimeClient()).container;
  const filters = { container: [server.getId()], event: ['kill'] };
  const events = await text(await dockerode.getEvents({ since: 0, until: Math.ceil(Date.now() / 1000), filters }));
  const sent = Array.from(events.matchAll(/"timeNano":(\d+)/g), ([, nanoseconds]) => Number(nanoseconds) / 1e6);
  const heard = lines.filter((line) => 'signal' in line).map((line) => line['time'] as number);
  return Math.min(sent.at(-1)!, heard.at(-1)!);
}

/** `docker stop`; `callMs` is its total duration. */
async function stop(server: StartedKnockServerContainer): Promise<Ended & { callMs: number }> {
  const began = performance.now();
  await (await server.engine()).stop({ t: GRACE_SECONDS });
  const callMs = performance.now() - began;
  return { ...(await ended(server)), callMs };
}

test.for([0, 9])('a server with %i idle clients exits at once on docker stop', async (count, context) => {
  const [times, calls]: [number[], number[]] = [[], []];
  for (let run = 0; run < RUNS; run += 1) {
    await using server = await new KnockServerContainer().withSettings({ REPLY: '{message}' }).start();
    const clients = await clientsThatSaid(
      server,
      Array.from({ length: count }, () => ['Hello']),
    );
    await Promise.all(clients.map(({ client }) => client.until('Hello')));
    // A third of them, in each protocol, do not close when the server does.
    for (const { client } of clients.slice(0, count / 3)) client.socket.removeAllListeners('end');

    const { exitCode, ms, callMs } = await stop(server);
    times.push(ms);
    calls.push(callMs);
    expect(exitCode).toBe(0);
    for (const { client, protocol, said } of clients) {
      client.end();
      expect(answers(protocol, await client.closed())).toEqual([...replies(said), ...farewell(protocol)]);
    }
    expect(await reasons(server)).toEqual(clients.map(() => 'drained'));
  }
  measured(context, { line: LINE, what: `${count} idle clients: signal to end, code 0`, values: times, unit: 'ms' });
  measured(context, { line: LINE, what: `${count} idle clients: docker stop in total`, values: calls, unit: 'ms' });
  expect(Math.max(...times)).toBeLessThanOrEqual(AT_ONCE_MS);
});

test('a stopping server replies to 20 clients with messages in flight, then exits', async (context) => {
  const times: number[] = [];
  let answered = 0;
  // Three have sent further messages.
  const all = Array.from({ length: 20 }, (_, n) => (n < 3 ? ['some work', 'more work'] : ['some work']));
  for (let run = 0; run < RUNS; run += 1) {
    await using server = await recordingServer({ delayMs: 2000 }).start();
    const clients = await clientsThatSaid(server, all);
    await expectHandling(server, clients.length);

    const { exitCode, ms, lines } = await stop(server);
    times.push(ms);
    expect(exitCode).toBe(0);
    for (const { client, protocol, said } of clients) {
      const heard = answers(protocol, await client.closed());
      expect.soft(heard).toEqual([...replies(said), ...farewell(protocol)]);
      if (heard.filter(({ kind }) => kind === 'reply').length === said.length) answered += 1;
      if (protocol === 'HTTP') expect.soft(client.received.toString()).toMatch(/\r\nConnection: close\r\n/);
    }
    expect(lines.map(({ msg }) => msg)).toContain('draining: waiting for 20 connections');
    expect(await reasons(server)).toEqual(expect.arrayContaining(clients.map(() => 'drained')));
  }
  counted(context, {
    line: LINE,
    what: 'with work of 2 s in flight: answered',
    count: answered,
    of: all.length * RUNS,
  });
  measured(context, {
    line: LINE,
    what: 'with work of 2 s in flight: signal to end, code 0',
    values: times,
    unit: 'ms',
  });
  expect(answered).toBe(all.length * RUNS);
  expect(Math.max(...times)).toBeLessThanOrEqual(8000);
});

test('a stopping server disconnects clients whose handler exceeds DRAIN_TIMEOUT_MS, without a goaway', async (context) => {
  const limitMs = scaled({ test: 1000, scorecard: 8000 });
  const times: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    await using server = await recordingServer({ delayMs: 60_000 })
      .withSettings(scaled({ test: { DRAIN_TIMEOUT_MS: `${limitMs}` }, scorecard: {} }))
      .start();
    const clients = await clientsThatSaid(server, [['endless'], ['endless'], ['endless']]);
    await expectHandling(server, clients.length);

    const { exitCode, ms } = await stop(server);
    times.push(ms);
    expect(exitCode).toBe(0);
    for (const { client } of clients) expect((await client.closed()).toString()).toBe('');
    expect(await reasons(server)).toEqual(clients.map(() => 'drain_timeout'));
  }
  const what = `stuck, at a limit of ${limitMs} ms: signal to end, code 0`;
  measured(context, { line: LINE, what, values: times, unit: 'ms' });
  expect(Math.min(...times)).toBeGreaterThanOrEqual(limitMs - CLOCK_ERROR_MS);
  expect(Math.max(...times)).toBeLessThanOrEqual(limitMs + AT_ONCE_MS);
});

test('a second signal ends a server at once with code 1, even while it serves clients', async (context) => {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    await using server = await recordingServer({ delayMs: 60_000 }).start();
    const clients = await clientsThatSaid(server, [['endless'], ['endless'], ['endless']]);
    await expectHandling(server, clients.length);
    const engine = await server.engine();
    await engine.kill({ signal: 'SIGTERM' });
    await expect
      .poll(async () => (await server.logLines()).map(({ msg }) => msg))
      .toContainEqual(expect.stringMatching(/^draining: /));
    await engine.kill({ signal: run % 2 === 0 ? 'SIGTERM' : 'SIGINT' });

    const { exitCode, ms, lines } = await ended(server);
    times.push(ms);
    expect(exitCode).toBe(1);
    expect(lines.map(({ msg }) => msg)).toContainEqual(expect.stringMatching(/ again: exiting at once$/));
    for (const { client } of clients) expect((await client.closed()).toString()).toBe('');
  }
  measured(context, { line: LINE, what: 'a second signal: signal to end, code 1', values: times, unit: 'ms' });
  expect(Math.max(...times)).toBeLessThanOrEqual(scaled({ test: AT_ONCE_MS, scorecard: 200 }));
});
