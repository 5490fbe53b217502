/** Half-close: clients that send, close their side and wait, like `printf … | nc -N`, still get their replies. */
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
/** Long enough that the client's FIN arrives long before the reply. */
const DELAY_MS = 100;
const PYTHON = join(import.meta.dirname, 'support/send-and-shut-down.py');

/** Sends these bytes together with a FIN, and waits for the server's. */
async function sayAndClose(server: StartedKnockServerContainer, protocol: Protocol, said: Buffer) {
  const { host, port } = await server.address();
  const client = await RawClient.to(port, host);
  let lastHeardAt = 0;
  client.socket.on('data', () => (lastHeardAt = performance.now()));
  client.end(said);
  const heard = answers(protocol, await client.closed());
  return { heard, error: client.error, endedAfterMs: performance.now() - lastHeardAt };
}

/** The same with a Python program; resolves with the bytes received on each connection. */
async function sayAndShutDown(server: StartedKnockServerContainer, said: Buffer[]): Promise<Buffer[]> {
  const { host, port } = await server.address();
  const hex = said.map((bytes) => bytes.toString('hex'));
  await using python = new Program(['python3', PYTHON, host, `${port}`, ...hex]);
  const { exitCode, stdout, stderr } = await python.ended();
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout.match(/.*\n/g)!.map((line) => Buffer.from(line.trimEnd(), 'hex'));
}

test('a client that half-closes before its reply still gets it', async (context) => {
  await using server = await recordingServer({ delayMs: DELAY_MS }).start();
  const before = await server.numbers();
  for (const protocol of PROTOCOLS) {
    const names = Array.from({ length: CLIENTS }, (_, n) => `client ${n}`);
    const clients = await Promise.all(names.map((name) => sayAndClose(server, protocol, say(protocol, name))));

    const answered = clients.filter(({ heard }, n) => heard.length === 1 && heard[0]!.text === names[n]);
    counted(context, { line: LINE, what: `replies in ${protocol}`, count: answered.length, of: CLIENTS });
    const ends = clients.map(({ endedAfterMs }) => endedAfterMs);
    measured(context, { line: LINE, what: `from the reply to the close in ${protocol}`, values: ends, unit: 'ms' });
    expect(clients.map(({ heard }) => heard)).toEqual(names.map((name) => replies([name])));
    expect(clients.filter(({ error }) => error)).toEqual([]);
    // After a half-close the server waits for nothing but the reply. Generous for a busy machine; a timeout would take 10 s.
    expect(Math.max(...ends)).toBeLessThan(scaled({ test: 5000, scorecard: 1000 }));
    const heard = (await server.numbers())[`knock_messages_total{protocol="${protocol.toLowerCase()}"}`];
    expect(heard).toBe(CLIENTS);
  }
  // All were `completed`: no `client_closed`, no `truncated`.
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});

test('a client that sends many messages and half-closes gets every reply, in order', async () => {
  await using server = await recordingServer({ delayMs: 10 }).start();
  const before = await server.numbers();
  const messages = Array.from({ length: 20 }, (_, n) => `message ${n}`);
  for (const protocol of PROTOCOLS) {
    const said = Buffer.concat(messages.map((message) => say(protocol, message)));
    expect(await sayAndClose(server, protocol, said)).toMatchObject({ heard: replies(messages), error: undefined });
  }
  // FIN ends the last line.
  const said = Buffer.from('with an end\nwithout one');
  expect(await sayAndClose(server, 'text', said)).toMatchObject({ heard: replies(['with an end', 'without one']) });
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});

test('a Python program that calls shutdown(SHUT_WR) before it reads gets its replies', async (context) => {
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
  // Without a line end, as in the article; the reply has none either.
  expect(await sayAndShutDown(server, [Buffer.from('Hello, server')])).toEqual([Buffer.from('Hello, server')]);
  await server.expectClosed(before, {});
  await server.expectHealthy(before);
});
