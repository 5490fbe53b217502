/** A client that nearly speaks HTTP gets an HTTP error: its header lines, with cookies and tokens, are never messages. */
import { expect, test } from 'vitest';

import { start } from './test-server.ts';

test.each([
  ['two spaces', 'GET  / HTTP/1.1', 400],
  ['a tab', 'GET\t/ HTTP/1.1', 400],
  ['a space in front', ' GET / HTTP/1.1', 400],
  ['lower case', 'get / HTTP/1.1', 501],
  ['an unknown method', 'FOOBAR / HTTP/1.1', 501],
  ['an unknown version', 'GET / HTTP/9.9', 505],
  ['a version that is none', 'GET / HTTP/1.10', 400],
  ['a tunnel', 'CONNECT a:80 HTTP/1.1', 405],
  ['a target without a slash', 'GET x HTTP/1.1', 400],
  ["HTTP/2's preface", 'PRI * HTTP/2.0', 505],
  ['a bare CR', 'GET / HTTP/1.1\rX', 400],
])('answers a request line with %s in HTTP, and hands none of it to the handler: %j', async (_what, line, status) => {
  const heard: string[] = [];
  await using server = await start({ handler: (message) => `${heard.push(message)}` });
  const answer = await server.exchange(`${line}\r\nHost: a\r\nCookie: secret\r\n\r\n`);
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*\\r\\nConnection: close\\r\\n`));
  expect(/^Allow: GET, HEAD, OPTIONS, POST\r$/m.test(answer)).toBe(status === 405);
  expect(heard).toEqual([]);
  await server.expectReasons('malformed');
});

test('accepts a target with its scheme in capitals', async () => {
  await using server = await start();
  const request = 'GET HTTP://LOCALHOST/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  expect(await server.exchange(request)).toMatch(/^HTTP\/1\.1 200 /);
});

test('skips empty lines before a request, but no bare LF', async () => {
  await using server = await start();
  const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  expect(await server.exchange(`\r\n\r\n${get}`)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await server.exchange(`\n${get}`)).toMatch(/^HTTP\/1\.1 400 /);
});

test.each(['GET well soon\n', 'get /\n', 'Hello, server\n'])('detects %j as text', async (line) => {
  await using server = await start({ REPLY: '{message}' });
  expect(await server.exchange(line)).toBe(line);
});

test('empty lines become messages once the client pauses, and the session goes on', async () => {
  await using server = await start({ TEXT_IDLE_MS: 20, REPLY: '[{message}]' });
  const client = await server.dial();
  client.send('\n');
  await client.until('[]\n');
  client.end('more\n');
  expect((await client.closed()).toString()).toBe('[]\n[more]\n');
});
