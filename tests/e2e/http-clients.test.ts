/** Common HTTP clients against the server's container: their output, and the server's log. */
import { Client } from 'undici';
import { expect } from 'vitest';

import { output, test } from '../support/http-client.ts';

const MESSAGES = ['one', 'two', 'three'];

/** Ignores the user's wget configuration. */
const wget = (...args: string[]) =>
  output('wget', '--no-config', '--no-proxy', '--quiet', '--output-document=-', ...args);

test('wget gets the replies to two messages on one connection', async ({ url, expectSessions }) => {
  expect(await wget('--post-data=Hello', url, url)).toEqual({ exitCode: 0, stdout: 'heard: Hello'.repeat(2) });
  await expectSessions({ messages: 2, message: 'Hello', reason: 'completed' });
});

test('wget reports a rejected message with its exit code', async ({ url, largeFile, expectSessions }) => {
  // 8: the server issued an error response.
  expect(await wget('--tries=1', `--post-file=${largeFile}`, url)).toEqual({ exitCode: 8, stdout: '' });
  await expectSessions({ messages: 0, errorReplies: { 413: 1 }, reason: 'too_large' });
});

test('Python’s http.client gets its replies, in order, on one connection', async ({ url, expectSessions }) => {
  const program = `
import http.client, sys
server = http.client.HTTPConnection(sys.argv[1])
for message in sys.argv[2:]:
    server.request('POST', '/', message)
    print(server.getresponse().read().decode())
`;
  const { exitCode, stdout } = await output('python3', '-c', program, new URL(url).host, ...MESSAGES);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'heard: one\nheard: two\nheard: three\n' });
  await expectSessions({ messages: 3, message: 'one' });
});

test('Node’s fetch gets its replies, in order, on one connection', async ({ url, expectSessions }) => {
  const program = `
import { setImmediate } from 'node:timers/promises';
const [url, ...messages] = process.argv.slice(1);
for (const body of messages) {
  console.log(await (await fetch(url, { method: 'POST', body })).text());
  // fetch frees its connection a turn later.
  await setImmediate();
}
`;
  const args = ['--input-type=module', '--eval', program, '--', url, ...MESSAGES] as const;
  const { exitCode, stdout } = await output(process.execPath, ...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'heard: one\nheard: two\nheard: three\n' });
  await expectSessions({ messages: 3, message: 'one' });
});

test('undici gets its replies, in order, on one connection', async ({ url, expectSessions }) => {
  const client = new Client(url);
  const replies: string[] = [];
  for (const body of MESSAGES) {
    const response = await client.request({ method: 'POST', path: '/', body });
    replies.push(await response.body.text());
  }
  await client.close();
  expect(replies).toEqual(['heard: one', 'heard: two', 'heard: three']);
  await expectSessions({ messages: 3, message: 'one', reason: 'completed' });
});

test('undici with pipelining gets one reply per request, on one connection', async ({ url, expectSessions }) => {
  const client = new Client(url, { pipelining: 10 });
  const requests = Array.from({ length: 30 }, () => client.request({ method: 'GET', path: '/' }));
  const replies = await Promise.all(requests.map(async (request) => (await request).body.text()));
  await client.close();
  expect(replies).toEqual(Array(30).fill('heard: '));
  await expectSessions({ messages: 30, reason: 'completed' });
});
