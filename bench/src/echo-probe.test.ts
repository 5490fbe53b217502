import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import { expect, test } from 'vitest';

import { echoProbe, probeAll } from './echo-probe.ts';

const encode = (text: string) => Buffer.from(text);

/** Echoes each message after `before`. */
async function echo(before = '') {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => socket.write(`${before}${bytes.toString()}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

test('rejects a reply without the text', async () => {
  await using server = await echo();
  const deaf = { name: 'deaf', encode: () => Buffer.from('no') };
  await expect(echoProbe(deaf, server.port, 'Hello')).rejects.toThrow('deaf did not reply with the text "Hello"');
});

test('servers with the same encoding must reply with the same number of bytes', async () => {
  await using short = await echo();
  await using long = await echo('> ');
  const one = { server: { name: 'one', encode }, port: short.port };
  const same = { server: { name: 'same', encode }, port: short.port };
  const other = { server: { name: 'other', encode }, port: long.port };
  const told = { message: Buffer.from('Hello'), replyBytes: 5 };
  expect(await probeAll([one, same], 'Hello')).toEqual([
    { ...one, ...told },
    { ...same, ...told },
  ]);
  await expect(probeAll([one, same, other], 'Hello')).rejects.toThrow('one replies with 5 bytes, other with 7');
});

test('servers with different encodings may reply with any number of bytes', async () => {
  await using short = await echo();
  await using long = await echo('> ');
  const one = { server: { name: 'one', encode }, port: short.port };
  const other = { server: { name: 'other', encode: (text: string) => Buffer.from(text) }, port: long.port };
  expect((await probeAll([one, other], 'Hello')).map(({ replyBytes }) => replyBytes)).toEqual([5, 7]);
});
