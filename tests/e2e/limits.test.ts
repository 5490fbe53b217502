import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

import { expect, test } from 'vitest';

import { KnockServerContainer, type StartedKnockServerContainer } from '../support/knock-server.ts';

const MEMORY_GIB = 0.25;
const HELLO = Buffer.from('0000000d48656c6c6f2c20736572766572', 'hex');

async function dial({ port }: StartedKnockServerContainer): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** The server replies to another client quickly. */
async function expectStillServing(server: StartedKnockServerContainer): Promise<void> {
  const client = await dial(server);
  const began = performance.now();
  client.end(HELLO);
  expect(await text(client)).toContain('hello from the server!');
  // Generous for a busy machine; a server timeout would take ten seconds.
  expect(performance.now() - began).toBeLessThan(5000);
}

test('200 clients that withhold the last byte of the largest message cost bounded memory, and others are served', async () => {
  await using server = await new KnockServerContainer().withResourcesQuota({ memory: MEMORY_GIB }).start();
  const largest = 65_536;
  const header = Buffer.alloc(4);
  header.writeUInt32BE(largest);
  const before = await server.memoryBytes();
  const clients = await Promise.all(Array.from({ length: 200 }, () => dial(server)));
  for (const client of clients) client.write(Buffer.concat([header, Buffer.alloc(largest - 1, 'x')]));
  await expectStillServing(server);
  // Each message, its copy while chunks are joined, and the connection itself.
  expect(await server.memoryBytes()).toBeLessThan(before + 200 * (2 * largest + 64 * 1024));
  // Each may still complete its message.
  for (const client of clients) client.end('x');
  const answers = await Promise.all(clients.map((client) => text(client)));
  expect(answers.filter((answer) => answer.includes('hello from the server!'))).toHaveLength(200);
  await expectStillServing(server);
});

test('20 clients that do not read cost bounded memory, are disconnected at the write timeout, and affect no other client', async () => {
  await using server = await new KnockServerContainer()
    .withSettings({ WRITE_TIMEOUT_MS: '1000', REPLY: 'x'.repeat(16_384) })
    .withResourcesQuota({ memory: MEMORY_GIB })
    .start();
  const before = await server.memoryBytes();
  const clients = await Promise.all(Array.from({ length: 20 }, () => dial(server)));
  // More than the kernels' buffers hold.
  const many = Buffer.alloc(4 * 4000);
  for (const client of clients) client.pause().write(many);
  const well = await dial(server);
  well.end(HELLO);
  expect((await text(well)).length).toBeGreaterThan(16_384);
  const ended = async () => (await server.logLines()).filter(({ reason }) => reason === 'write_timeout');
  await expect.poll(async () => (await ended()).length).toBe(20);
  // All replies would be 1.2 GiB; memory beyond the limits is garbage not yet collected.
  expect((await server.memoryBytes()) - before).toBeLessThan(128 * 2 ** 20);
  for (const client of clients) client.destroy();
});
