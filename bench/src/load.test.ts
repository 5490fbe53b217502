import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

import { CLOCK_ERROR_MS } from '@knock/shared/test/clock-error';
import { expect, test } from 'vitest';

import { answerOf, buildLoad, load } from './load.ts';

const MESSAGE = Buffer.from('a message');

const problem = await buildLoad().then(
  () => undefined,
  (error: Error) => error.message,
);

test.runIf(problem !== undefined)('names the missing compiler', () => {
  expect(problem).toMatch(/install gcc or clang$|need Linux/);
});

/** Replies with each message twice. */
async function doubling(seen: (bytes: number, socket: Socket) => void = () => undefined) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      seen(bytes.length, socket);
      socket.write(Buffer.concat([bytes as Buffer, bytes as Buffer]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

test.runIf(problem === undefined)('counts one reply per message, by bytes alone', async () => {
  let bytes = 0;
  const clients = new Set<Socket>();
  await using server = await doubling((length, socket) => {
    bytes += length;
    clients.add(socket);
  });
  const how = { message: MESSAGE, replyBytes: 2 * MESSAGE.length, connections: 3, depth: 4, ms: 200 };
  const { messages, seconds, p50, p99, p999 } = await load({ port: server.port, ...how });
  expect(clients.size).toBe(3);
  expect(messages).toBeGreaterThan(0);
  // Messages in flight at the end were sent, and are not counted.
  expect(bytes / MESSAGE.length - messages).toBeLessThanOrEqual(3 * 4);
  expect(1000 * seconds).toBeGreaterThanOrEqual(how.ms - CLOCK_ERROR_MS);
  expect(p50).toBeGreaterThan(0);
  expect([p50, p99, p999].toSorted((one, other) => one - other)).toEqual([p50, p99, p999]);
});

test.runIf(problem === undefined)('with a rate, opens a connection per exchange', async () => {
  const clients = new Set<Socket>();
  await using server = await doubling((_, socket) => clients.add(socket));
  const how = { message: MESSAGE, replyBytes: 2 * MESSAGE.length, connections: 0, depth: 0, ms: 500, rate: 100 };
  expect((await load({ port: server.port, ...how })).messages).toBe(clients.size);
  // Fewer on a busy machine; without a rate it would be thousands.
  expect(clients.size).toBeGreaterThanOrEqual(10);
  expect(clients.size).toBeLessThanOrEqual(50);
});

test.runIf(problem === undefined)('fails if the server closes without a reply', async () => {
  await using server = await doubling((_, socket) => socket.destroy());
  const how = { message: MESSAGE, replyBytes: 18, connections: 1, depth: 1, ms: 200 };
  await expect(load({ port: server.port, ...how })).rejects.toThrow(`the load of port ${server.port} failed`);
});

test('reads the whole reply to one message', async () => {
  await using server = await doubling();
  expect((await answerOf(server.port, MESSAGE)).toString()).toBe('a messagea message');
});
