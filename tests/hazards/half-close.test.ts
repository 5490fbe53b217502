/** Clients that send, close their side and wait, as `printf … | nc -N` does: each of them is owed its replies. */
import { join } from 'node:path';

import { RawClient } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import type { StartedKnockServerContainer } from '../support/knock-server.ts';
import { Program } from '../support/program.ts';
import { answers, type Protocol, PROTOCOLS, replies, say } from './support/protocols.ts';
import { recordingServer } from './support/recording-server.ts';

const LINE = 'half-close';
const CLIENTS = scaled({ test: 25, scorecard: 100 });
const PYTHON_CLIENTS = scaled({ test: 3, scorecard: 20 });
/** Long enough for the end of the client's stream to be seen long before the reply. */
const DELAY_MS = 100;
const PYTHON = join(import.meta.dirname, 'support/say-and-shut-down.py');

/** Says all this, closes its side in the same breath, and waits for the end of the other. */
async function sayAndClose(server: StartedKnockServerContainer, protocol: Protocol, said: Buffer) {
  const { host, port } = await server.address();
  const client = await RawClient.to(port, host);
  let lastHeardAt = 0;
  client.socket.on('data', () => (lastHeardAt = performance.now()));
  client.end(said);
  const heard = answers(protocol, await client.closed());
  return { heard, error: client.error, endedAfterMs: performance.now() - lastHeardAt };
}

/** The same, by a program that is none of ours: what came back on each connection. */
async function sayAndShutDown(server: StartedKnockServerContainer, said: Buffer[]): Promise<Buffer[]> {
  const { host, port } = await server.address();
  const hex = said.map((bytes) => bytes.toString('hex'));
  await using python = new Program(['python3', PYTHON, host, `${port}`, ...hex]);
  const { exitCode, stdout, stderr } = await python.ended();
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout.match(/.*\n/g)!.map((line) => Buffer.from(line.trimEnd(), 'hex'));
}

test('every client that closes its side before it is answered gets its reply', async (context) => {
  await using server = await recordingServer({ delayMs: DELAY_MS }).start();
  const before = await server.numbers();
  for (const protocol of PROTOCOLS) {
    const names = Array.from({ length: CLIENTS }, (_, n) => `client ${n}`);
    const clients = await Promise.all(names.map((name) => sayAndClose(server, protocol, say(protocol, name))));

    const answered = clients.filter(({ heard }, n) => heard.length === 1 && heard[0]!.text === names[n]);
    counted(context, { line: LINE, what: `replies in ${protocol}`, count: answered.length, of: CLIENTS });
    const ends = clients.map(({ endedAfterMs }) => endedAfterMs);
    measured(context, { line: LINE, what: `from the reply to the end in ${protocol}`, values: ends, unit: 'ms' });
    expect(clients.map(({ heard }) => heard)).toEqual(names.map((name) => replies([name])));
    expect(clients.filter(({ error }) => error)).toEqual([]);
    // Whoever has closed its side is kept waiting for nothing but its reply.
    // On a busy machine, too; to wait for a timeout would take ten seconds.
    expect(Math.max(...ends)).toBeLessThan(scaled({ test: 5000, scorecard: 1000 }));
    const heard = (await server.numbers())[`knock_messages_total{protocol="${protocol.toLowerCase()}"}`];
    expect(heard).toBe(CLIENTS);
  }
  // All of them were done: none had left, none was cut short.
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});

test('a client that says many things and closes its side gets every reply, in order', async () => {
  await using server = await recordingServer({ delayMs: 10 }).start();
  const before = await server.numbers();
  const messages = Array.from({ length: 20 }, (_, n) => `message ${n}`);
  for (const protocol of PROTOCOLS) {
    const said = Buffer.concat(messages.map((message) => say(protocol, message)));
    expect(await sayAndClose(server, protocol, said)).toMatchObject({ heard: replies(messages), error: undefined });
  }
  // The end of the stream is the end of the last line.
  const said = Buffer.from('with an end\nwithout one');
  expect(await sayAndClose(server, 'text', said)).toMatchObject({ heard: replies(['with an end', 'without one']) });
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});

test('a program in Python that shuts its side down before it reads gets its replies', async (context) => {
  await using server = await recordingServer({ delayMs: DELAY_MS }).start();
  const before = await server.numbers();
  for (const protocol of PROTOCOLS) {
    const messages = Array.from({ length: PYTHON_CLIENTS }, (_, n) => `Python ${n}`);
    const back = await sayAndShutDown(
      server,
      messages.map((message) => say(protocol, message)),
    );
    const heard = back.map((bytes) => answers(protocol, bytes));
    const answered = heard.filter((one, n) => one.length === 1 && one[0]!.text === messages[n]);
    const what = `replies to Python’s shutdown(SHUT_WR) in ${protocol}`;
    counted(context, { line: LINE, what, count: answered.length, of: PYTHON_CLIENTS });
    expect(heard).toEqual(messages.map((message) => replies([message])));
  }
  // As the article says it, without a line's end; so is the reply.
  expect(await sayAndShutDown(server, [Buffer.from('Hello, server')])).toEqual([Buffer.from('Hello, server')]);
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});
