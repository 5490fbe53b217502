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

test('answers the client of the article, which sends no line end and waits, and closes the connection', async () => {
  await using server = await start();
  const client = await server.dial();
  client.send('Hello, server');
  expect((await client.closed()).toString()).toBe('hello from the server!');
  await server.expectReasons('completed');
});

test('waits for the whole pause before it takes what came for a message', async () => {
  await using server = await start({ TEXT_IDLE_MS: 3000, REPLY: '{message}' });
  const client = await server.dial();
  client.send('Hello, ');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  client.send('server');
  expect((await client.closed()).toString()).toBe('Hello, server');
});

test('ends no message by a pause once the client has ended a line', async () => {
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

test('answers what came before the client closed its side, without a line end if it never sent one', async () => {
  await using server = await start({ TEXT_IDLE_MS: 60_000 });
  expect(await server.exchange('Hello, server')).toBe('hello from the server!');
});

test('answers the last line before the close with a line, if the client ever sent one', async () => {
  await using server = await start({ REPLY: '{message}' });
  expect(await server.exchange('one\ntwo')).toBe('one\ntwo\n');
});

test('answers after half-close though the handler takes its time', async () => {
  await using server = await start({
    handler: async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return message;
    },
  });
  expect(await server.exchange('one\ntwo\nthree')).toBe('one\ntwo\nthree\n');
});

test('answers text that begins as a request line does, but is none', async () => {
  await using server = await start({ REPLY: '<{message}>' });
  expect(await server.exchange('GET well soon\n')).toBe('<GET well soon>\n');
  expect(await server.exchange('HEADache\n')).toBe('<HEADache>\n');
  expect(await server.exchange('GET / is a path\n')).toBe('<GET / is a path>\n');
});

test('takes the beginning of a method for text after a pause, which is the message’s pause as well', async () => {
  await using server = await start({ REPLY: '<{message}>', TEXT_IDLE_MS: 3000 });
  const began = performance.now();
  const client = await server.dial();
  client.send('GET');
  expect((await client.closed()).toString()).toBe('<GET>');
  // Two pauses would be six seconds.
  expect(performance.now() - began).toBeLessThan(5900);
});

test('takes the beginning of a request line for text when the client closes its side', async () => {
  await using server = await start({ REPLY: '<{message}>' });
  expect(await server.exchange('GET /')).toBe('<GET />');
});

test('refuses a line above the limit, and ends without a reset', async () => {
  await using server = await start({ MAX_MESSAGE_BYTES: 10 });
  const client = await server.dial();
  client.send('1234567890\n');
  client.end('x'.repeat(512 * 1024));
  expect((await client.closed()).toString()).toMatch(/^hello from the server!\nerror: too_large: .*10.*\n$/);
  expect(client.error).toBeUndefined();
  await server.expectReasons('too_large');
  await server.expectHealthy();
});

test('refuses a line that is not UTF-8, and answers the next one', async () => {
  await using server = await start();
  const answer = await server.exchange(Buffer.from('c3280a676f6f640a', 'hex'));
  expect(answer).toMatch(/^error: bad_utf8: .*\nhello from the server!\n$/);
});

test('refuses a line that is not complete in time', async () => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 50 });
  const client = await server.dial();
  client.send('one\ntw');
  expect((await client.closed()).toString()).toMatch(/^hello from the server!\nerror: timeout: .*\n$/);
  await server.expectReasons('message_timeout');
  await server.expectHealthy();
});

test('says failed where the reply would be more than one line', async () => {
  await using server = await start({ REPLY: 'two\nlines' });
  expect(await server.exchange('Hello, server\n')).toMatch(/^error: failed: .*\n$/);
});

test('hands text to the handler and back byte for byte', async () => {
  await using server = await start({ REPLY: '{message}' });
  const text = '$& $1 {server} \ufeffnaïve — 世界 \u{1f44b}\t\u0007"\\';
  expect(await server.exchange(`${text}\n`)).toBe(`${text}\n`);
});
