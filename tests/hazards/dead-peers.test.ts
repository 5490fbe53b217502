/** Clients whose network is cut: neither FIN nor RST arrives, and the server must still notice. */
import { frame } from '@knock/server/test/raw-client';
import { GenericContainer, getContainerRuntimeClient, Network, Wait } from 'testcontainers';
import { expect, test } from 'vitest';

import { measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer, type StartedKnockServerContainer } from '../support/knock-server.ts';
import { endings } from './support/endings.ts';
import { slowServer } from './support/slow-server.ts';

const LINE = 'dead-peers';
const COUNT = scaled({ test: 3, scorecard: 10 });

/** The handler's delay for messages still unanswered when the network is cut. */
const HANDLER_MS = 3000;
/** How long a closing server reads on. */
const LINGER_MS = 1000;
/** Tolerance for a busy machine; the server's own timeout of a minute is much later. */
const GRACE_MS = 5000;

/** On COUNT connections each: gets the reply to one message, and waits for the reply to another. */
const CLIENTS = `
  const { connect } = require('node:net');
  const [, count, ...messages] = process.argv;
  const sockets = messages.map((hex) => Array.from({ length: count }, () => {
    const socket = connect(12000, 'server').on('error', () => undefined);
    socket.write(Buffer.from(hex, 'hex'));
    return socket;
  }));
  const { once } = require('node:events');
  Promise.all([
    ...sockets[0].map((socket) => once(socket, 'data')),
    ...sockets[1].map((socket) => once(socket, 'connect')),
  ]).then(() => console.log('all have sent'));
`;

/** A line of proc_net_tcp(5), with hexadecimal numbers. */
interface KernelSocket {
  unacknowledged: number;
  /** In seconds, if it is the keepalive timer. */
  keepAliveIn: number | undefined;
}

const ESTABLISHED = '01';
const KEEP_ALIVE = '02';
const TICKS_PER_SECOND = 100;

/** The server's connections, as its kernel lists them. */
async function kernelSockets(server: StartedKnockServerContainer): Promise<KernelSocket[]> {
  const tables = (await server.readFile('/proc/net/tcp')) + (await server.readFile('/proc/net/tcp6'));
  const rows = tables.matchAll(/^ *\d+: \S+ \S+ (\S+) (\S+):\S+ (\S+):(\S+) /gm);
  return Array.from(rows)
    .filter(([, state]) => state === ESTABLISHED)
    .map(([, , unacknowledged, timer, expires]) => ({
      unacknowledged: Number.parseInt(unacknowledged!, 16),
      keepAliveIn: timer === KEEP_ALIVE ? Number.parseInt(expires!, 16) / TICKS_PER_SECOND : undefined,
    }));
}

test('the kernel sends keepalive probes to every client that was silent for 15 s', async () => {
  await using server = await new KnockServerContainer().start();
  const before = await server.numbers();
  const clients = await server.dialMany(3);
  clients[0]!.send(frame('well?'));
  clients[1]!.send('GET / HTTP/1.1\r\nHost: knock\r\n\r\n');
  await Promise.all(clients.slice(0, 2).map((client) => client.until('hello')));
  const soon = { unacknowledged: 0, keepAliveIn: expect.toSatisfy((seconds: number) => seconds > 5 && seconds <= 15) };
  await expect.poll(() => kernelSockets(server)).toEqual([soon, soon, soon]);
  for (const client of clients) client.end();
  await server.expectClosed(before, { client_closed: 1 });
  await server.expectHealthy(before);
});

test('clients whose network is cut are noticed, idle or with a reply on the way', async (context) => {
  const idleMs = scaled({ test: 3000, scorecard: 60_000 });
  await using network = await new Network().start();
  const container = await slowServer();
  await using server = await container
    .withSettings(scaled({ test: { IDLE_TIMEOUT_MS: `${idleMs}` }, scorecard: {} }))
    .withNetwork(network)
    .withNetworkAliases('server')
    .start();
  const before = await server.numbers();
  const [idle, waiting] = ['well?', `wait ${HANDLER_MS}`] as const;
  const messages = [idle, waiting].map((text) => frame(text).toString('hex'));
  await using clients = await new GenericContainer('knock-client')
    .withEntrypoint(['node', '--eval', CLIENTS, `${COUNT}`, ...messages])
    .withNetwork(network)
    .withWaitStrategy(Wait.forLogMessage('all have sent'))
    .start();
  const cutAt = Date.now();
  const { network: networks } = await getContainerRuntimeClient();
  await networks.getById(network.getId()).disconnect({ Container: clients.getId() });
  const unacknowledged = async () => (await kernelSockets(server)).filter((socket) => socket.unacknowledged > 0).length;
  await expect.poll(unacknowledged, { timeout: HANDLER_MS + 5000 }).toBeGreaterThanOrEqual(COUNT);

  const reasons = scaled({
    // Long before the first keepalive probe.
    test: { idle_timeout: 2 * COUNT },
    scorecard: { client_closed: COUNT, idle_timeout: COUNT },
  });
  await server.expectClosed(before, reasons, { withinMs: scaled({ test: 20_000, scorecard: 90_000 }) });
  const longest = scaled({
    test: { [idle]: idleMs + LINGER_MS + GRACE_MS, [waiting]: HANDLER_MS + idleMs + LINGER_MS + GRACE_MS },
    scorecard: { [idle]: 30_000, [waiting]: 70_000 },
  });
  const ended = await endings(server);
  for (const message of [idle, waiting]) {
    const values = ended.filter((ending) => ending.message === message).map(({ time }) => (time - cutAt) / 1000);
    expect(values).toHaveLength(COUNT);
    const what = message === idle ? 'idle' : 'with an unacknowledged reply';
    measured(context, { line: LINE, what, values, unit: 's' });
    expect.soft(Math.max(...values), what).toBeLessThanOrEqual(longest[message] / 1000);
  }
  await server.expectHealthy(before);
});
