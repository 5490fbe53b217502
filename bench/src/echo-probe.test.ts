import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import { expect, test } from 'vitest';

import { echoProbe, tellAll } from './echo-probe.ts';

const encode = (text: string) => Buffer.from(text);

/** Answers each message with itself, between `before` and nothing. */
async function echo(before = '') {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => socket.write(`${before}${bytes.toString()}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

test('rejects an answer without the text', async () => {
  await using server = await echo();
  const deaf = { name: 'deaf', encode: () => Buffer.from('no') };
  await expect(echoProbe(deaf, server.port, 'Hello')).rejects.toThrow('deaf did not answer with the text "Hello"');
});

test('servers with the same encoding must answer with the same number of bytes', async () => {
  await using short = await echo();
  await using long = await echo('> ');
  const one = { server: { name: 'one', encode }, port: short.port };
  const same = { server: { name: 'same', encode }, port: short.port };
  const other = { server: { name: 'other', encode }, port: long.port };
  const told = { message: Buffer.from('Hello'), replyBytes: 5 };
  expect(await tellAll([one, same], 'Hello')).toEqual([
    { ...one, ...told },
    { ...same, ...told },
  ]);
  await expect(tellAll([one, same, other], 'Hello')).rejects.toThrow('one answers with 5 bytes, other with 7');
});

test('servers with encodings of their own may answer with any number of bytes', async () => {
  await using short = await echo();
  await using long = await echo('> ');
  const one = { server: { name: 'one', encode }, port: short.port };
  const other = { server: { name: 'other', encode: (text: string) => Buffer.from(text) }, port: long.port };
  expect((await tellAll([one, other], 'Hello')).map(({ replyBytes }) => replyBytes)).toEqual([5, 7]);
});
