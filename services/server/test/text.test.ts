import { expect, test } from 'vitest';

import { start } from './test-server.ts';

test('answers a line with a line', async () => {
  await using server = await start({ REPLY: 'you said {message}' });
  expect(await server.exchange('Hello, server\n')).toBe('you said Hello, server\n');
  await server.expectReasons('completed');
});

test('drops a carriage return before the line feed', async () => {
  await using server = await start({ REPLY: '<{message}>' });
  expect(await server.exchange('one\r\ntwo\n\r\n')).toBe('<one>\n<two>\n<>\n');
});

test('answers the client of the article, which sends no line end and waits, and closes', async () => {
  await using server = await start();
  const client = await server.dial();
  client.send('Hello, server');
  expect((await client.closed()).toString()).toBe('hello from the server!');
  await server.expectReasons('completed');
});

test('waits for a full pause before it handles a message without LF', async () => {
  await using server = await start({ TEXT_IDLE_MS: 3000, REPLY: '{message}' });
  const client = await server.dial();
  client.send('Hello, ');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  client.send('server');
  expect((await client.closed()).toString()).toBe('Hello, server');
});

test('a pause ends no message once the client has sent LF', async () => {
  await using server = await start({ TEXT_IDLE_MS: 20, REPLY: '{message}' });
  const client = await server.dial();
  client.send('one\ntw');
  await client.until('one\n');
  await new Promise((resolve) => setTimeout(resolve, 80));
  client.send('o\n');
  await client.until('two\n');
  client.end();
  await server.expectReasons('completed');
});

test('half-close ends the last message; the reply has no LF if the client sent none', async () => {
  await using server = await start({ TEXT_IDLE_MS: 60_000 });
  expect(await server.exchange('Hello, server')).toBe('hello from the server!');
});

test('half-close ends the last line; the reply is a line if the client ever sent LF', async () => {
  await using server = await start({ REPLY: '{message}' });
  expect(await server.exchange('one\ntwo')).toBe('one\ntwo\n');
});

test('answers after half-close, though the handler is slow', async () => {
  await using server = await start({
    handler: async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return message;
    },
  });
  expect(await server.exchange('one\ntwo\nthree')).toBe('one\ntwo\nthree\n');
});

test('answers text that begins like a request line', async () => {
  await using server = await start({ REPLY: '<{message}>' });
  expect(await server.exchange('GET well soon\n')).toBe('<GET well soon>\n');
  expect(await server.exchange('HEADache\n')).toBe('<HEADache>\n');
  expect(await server.exchange('GET / is a path\n')).toBe('<GET / is a path>\n');
});

test('the start of a method becomes text after one pause, which also ends the message', async () => {
  await using server = await start({ REPLY: '<{message}>', TEXT_IDLE_MS: 3000 });
  const began = performance.now();
  const client = await server.dial();
  client.send('GET');
  expect((await client.closed()).toString()).toBe('<GET>');
  // Two pauses would be 6 s.
  expect(performance.now() - began).toBeLessThan(5900);
});

test('the start of a request line becomes text at half-close', async () => {
  await using server = await start({ REPLY: '<{message}>' });
  expect(await server.exchange('GET /')).toBe('<GET />');
});

test('rejects a line above the limit, and closes without a reset', async () => {
  await using server = await start({ MAX_MESSAGE_BYTES: 10 });
  const client = await server.dial();
  client.send('1234567890\n');
  client.end('x'.repeat(512 * 1024));
  expect((await client.closed()).toString()).toMatch(/^hello from the server!\nerror: too_large: .*10.*\n$/);
  expect(client.error).toBeUndefined();
  await server.expectReasons('too_large');
  await server.expectHealthy();
});

test('rejects invalid UTF-8, and answers the next line', async () => {
  await using server = await start();
  const answer = await server.exchange(Buffer.from('c3280a676f6f640a', 'hex'));
  expect(answer).toMatch(/^error: bad_utf8: .*\nhello from the server!\n$/);
});

test('times out an incomplete line', async () => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 50 });
  const client = await server.dial();
  client.send('one\ntw');
  expect((await client.closed()).toString()).toMatch(/^hello from the server!\nerror: timeout: .*\n$/);
  await server.expectReasons('message_timeout');
  await server.expectHealthy();
});

test('replies failed if the reply holds LF', async () => {
  await using server = await start({ REPLY: 'two\nlines' });
  expect(await server.exchange('Hello, server\n')).toMatch(/^error: failed: .*\n$/);
});

test('text reaches the handler and comes back byte for byte', async () => {
  await using server = await start({ REPLY: '{message}' });
  const text = '$& $1 {server} \ufeffnaïve — 世界 \u{1f44b}\t\u0007"\\';
  expect(await server.exchange(`${text}\n`)).toBe(`${text}\n`);
});
