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

test.runIf(problem !== undefined)('says what is missing where it cannot be built', () => {
  expect(problem).toMatch(/install gcc or clang$|need Linux/);
});

/** Answers each message with its bytes, twice. */
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

test.runIf(problem === undefined)('counts as many answers as messages were said, by their bytes alone', async () => {
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
  // What was on its way at the end was said, and is not counted.
  expect(bytes / MESSAGE.length - messages).toBeLessThanOrEqual(3 * 4);
  expect(1000 * seconds).toBeGreaterThanOrEqual(how.ms - CLOCK_ERROR_MS);
  expect(p50).toBeGreaterThan(0);
  expect([p50, p99, p999].toSorted((one, other) => one - other)).toEqual([p50, p99, p999]);
});

test.runIf(problem === undefined)('has a connection for each exchange where it is given a rate', async () => {
  const clients = new Set<Socket>();
  await using server = await doubling((_, socket) => clients.add(socket));
  const how = { message: MESSAGE, replyBytes: 2 * MESSAGE.length, connections: 0, depth: 0, ms: 500, rate: 100 };
  expect((await load({ port: server.port, ...how })).messages).toBe(clients.size);
  // Fewer on a busy machine; at its own pace it would be thousands.
  expect(clients.size).toBeGreaterThanOrEqual(10);
  expect(clients.size).toBeLessThanOrEqual(50);
});

test.runIf(problem === undefined)('fails where the server closes instead of answering', async () => {
  await using server = await doubling((_, socket) => socket.destroy());
  const how = { message: MESSAGE, replyBytes: 18, connections: 1, depth: 1, ms: 200 };
  await expect(load({ port: server.port, ...how })).rejects.toThrow(`the load of port ${server.port} failed`);
});

test('hears the whole answer to one message', async () => {
  await using server = await doubling();
  expect((await answerOf(server.port, MESSAGE)).toString()).toBe('a messagea message');
});
