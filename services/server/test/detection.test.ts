import { expect, test } from 'vitest';

import { frame } from './raw-client.ts';
import { start } from './test-server.ts';

test('closes a TLS handshake at once, and logs it', async () => {
  await using server = await start();
  const client = await server.dial();
  client.send(Buffer.from('16030100a5010000a1', 'hex'));
  expect((await client.closed()).length).toBe(0);
  await server.expectReasons('tls_error');
  expect(server.lines.some(({ msg }) => msg.includes('TLS is not configured'))).toBe(true);
  await server.expectHealthy();
});

test('closes an unknown protocol at once, and logs what came and what to send', async () => {
  await using server = await start();
  const client = await server.dial();
  client.send(Buffer.from('0100000d48656c6c6f', 'hex'));
  expect((await client.closed()).length).toBe(0);
  await server.expectReasons('unknown_protocol');
  const { msg } = server.lines.find((line) => line.msg.includes('unknown protocol'))!;
  expect(msg).toContain('first bytes 01 00 00 0d');
  expect(msg).toContain('send a frame');
  await server.expectHealthy();
});

test('logs a client that only connects at debug', async () => {
  await using server = await start();
  const client = await server.dial();
  client.end();
  await server.expectReasons('client_closed');
  expect(server.lines.at(-1)).toMatchObject({ level: 20 });
});

test('logs one line for each connection, with its first message and its close reason', async () => {
  await using server = await start({ LOG_LEVEL: 'info', REPLY: '{message}!' });
  const client = await server.dial();
  client.end(Buffer.concat([frame('one\n'), frame('two')]));
  await client.closed();
  await server.expectReasons('completed');
  expect(server.lines).toHaveLength(1);
  expect(server.lines[0]).toMatchObject({
    level: 30,
    client: 'localhost',
    address: '127.0.0.1',
    protocol: 'frames',
    messages: 2,
    message: 'one\\n',
    reply: 'one\\n!',
    bytesIn: 15,
    bytesOut: 17,
    reason: 'completed',
  });
});

test('serves 100 clients concurrently, each in its protocol', async () => {
  await using server = await start({ REPLY: '{message}' });
  const calls = Array.from({ length: 100 }, async (_, n) => {
    const text = `client ${n}`;
    if (n % 3 === 0) return (await server.exchange(frame(text))) === frame(text).toString();
    if (n % 3 === 1) return (await server.exchange(`${text}\n`)) === `${text}\n`;
    const response = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', body: text });
    return (await response.text()) === text;
  });
  expect(await Promise.all(calls)).toEqual(calls.map(() => true));
});
