import { expect, test } from 'vitest';

import { frame } from './raw-client.ts';
import { start } from './test-server.ts';

test('closes a TLS handshake at once, and the log names it', async () => {
  await using server = await start();
  const client = await server.dial();
  client.send(Buffer.from('16030100a5010000a1', 'hex'));
  expect((await client.closed()).length).toBe(0);
  await server.expectReasons('tls_error');
  expect(server.lines.some(({ msg }) => msg.includes('began a TLS handshake'))).toBe(true);
  await server.expectHealthy();
});

test('closes what is no protocol at once, and the log says what came, what it means and what to send', async () => {
  await using server = await start();
  const client = await server.dial();
  client.send(Buffer.from('0100000d48656c6c6f', 'hex'));
  expect((await client.closed()).length).toBe(0);
  await server.expectReasons('unknown_protocol');
  const { msg } = server.lines.find((line) => line.msg.includes('no protocol'))!;
  expect(msg).toContain('01 00 00 0d');
  expect(msg).toContain('kind 1');
  expect(msg).toContain('13 bytes');
  expect(msg).toContain('send a frame');
  await server.expectHealthy();
});

test('lets go of a client that connects and leaves, and logs it at debug only', async () => {
  await using server = await start();
  const client = await server.dial();
  client.end();
  await server.expectReasons('client_closed');
  expect(server.lines.at(-1)).toMatchObject({ level: 20 });
});

test('logs one line for a conversation, with what was said first and how it ended', async () => {
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

test('serves a hundred clients at once, each in its protocol', async () => {
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
