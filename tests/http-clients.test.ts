/** HTTP clients that people have, against the server's container: what each shows, and what the server saw of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'undici';
import { expect, test as base } from 'vitest';

import { KnockServerContainer, type LogLine, type StartedKnockServerContainer } from './knock-server.ts';
import { Program } from './program.ts';

/** Above the server's limit, and larger than what fits into the buffers of a connection that nobody reads. */
const MEBIBYTE = 1024 * 1024;
/** Below the server's limit, and more than these clients put into one chunk or one write. */
const LONG = 'é'.repeat(30_000);
/** More than the head of a request from one of these clients has. */
const MOST_HEAD_BYTES = 1000;
const KEPT = ['one', 'two', 'three'];

/** What the server has logged of the HTTP connections that have ended, apart from health checks. */
async function sessions(server: StartedKnockServerContainer): Promise<LogLine[]> {
  const lines = await server.logLines();
  return lines.filter(({ level, language, reason }) => level === 30 && language === 'http' && reason !== undefined);
}

const test = base
  .extend('server', { scope: 'file' }, async ({}, { onCleanup }) => {
    const server = await new KnockServerContainer().withSettings({ REPLY: 'heard: {message}' }).start();
    onCleanup(() => server.stop());
    return server;
  })
  .extend('url', async ({ server }) => {
    const { host, port } = await server.address();
    return `http://${host}:${port}/`;
  })
  /** Expects that this test has made exactly these connections, by what the log says of each. */
  .extend('expectSessions', async ({ server }) => {
    const before = (await sessions(server)).length;
    return async (...expected: Record<string, unknown>[]) => {
      const since = async () => (await sessions(server)).slice(before);
      await expect.poll(since, { interval: 50 }).toMatchObject(expected);
    };
  })
  /** A file with a message above the server's limit. */
  .extend('largeFile', async ({}, { onCleanup }) => {
    const directory = mkdtempSync(join(tmpdir(), 'knock-large-'));
    onCleanup(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'large.txt');
    writeFileSync(file, 'a'.repeat(MEBIBYTE));
    return file;
  });

/** Runs a client to its end, without the settings that a user of this machine has for it. */
async function output(...command: [string, ...string[]]) {
  await using program = new Program(command);
  const { exitCode, stdout } = await program.ended();
  return { exitCode, stdout };
}
const curl = (...args: string[]) => output('curl', '--disable', '--silent', '--noproxy', '*', ...args);
const wget = (...args: string[]) =>
  output('wget', '--no-config', '--no-proxy', '--quiet', '--output-document=-', ...args);

test('curl gets the reply to the empty message', async ({ url, expectSessions }) => {
  expect(await curl(url)).toEqual({ exitCode: 0, stdout: 'heard: ' });
  await expectSessions({ messages: 1, message: '', reason: 'done' });
});

test('curl -d gets the reply to its message', async ({ url, expectSessions }) => {
  expect(await curl('-d', 'Hello', url)).toEqual({ exitCode: 0, stdout: 'heard: Hello' });
  await expectSessions({ messages: 1, message: 'Hello', reason: 'done' });
});

test('curl sends several messages on one connection', async ({ url, expectSessions }) => {
  const args = KEPT.flatMap((message) => ['--next', '--noproxy', '*', '-d', message, '-w', '\n%{num_connects}\n', url]);
  expect(await curl(...args.slice(1))).toEqual({
    exitCode: 0,
    stdout: 'heard: one\n1\nheard: two\n0\nheard: three\n0\n',
  });
  await expectSessions({ messages: 3, reason: 'done' });
});

test('curl in HTTP/1.0 gets its reply, and the connection ends', async ({ url, expectSessions }) => {
  const { exitCode, stdout } = await curl('--http1.0', '--include', '-d', 'Hello', url);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Connection: close\r\n\r\nheard: Hello$/);
  await expectSessions({ messages: 1, reason: 'done' });
});

test('curl in HTTP/1.0 that asks for it stays connected', async ({ url, expectSessions }) => {
  const args = ['--http1.0', '-H', 'Connection: keep-alive', '-w', '\n%{num_connects}\n', url, url];
  expect(await curl(...args)).toEqual({ exitCode: 0, stdout: 'heard: \n1\nheard: \n0\n' });
  await expectSessions({ messages: 2, reason: 'done' });
});

test('curl --head gets the head of the reply, does not wait for a body, and stays connected', async ({
  url,
  expectSessions,
}) => {
  const { exitCode, stdout } = await curl('--head', '-w', '%{num_connects}\n', url, url);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^(?:HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Content-Length: 7\r\n\r\n[10]\n){2}$/);
  expect(stdout.match(/^[10]$/gm)).toEqual(['1', '0']);
  await expectSessions({ messages: 2, reason: 'done' });
});

test('curl uploads a message in chunks', async ({ url, expectSessions }) => {
  const args = ['-H', 'Transfer-Encoding: chunked', '-d', LONG, url];
  expect(await curl(...args)).toEqual({ exitCode: 0, stdout: `heard: ${LONG}` });
  await expectSessions({ messages: 1, reason: 'done' });
});

test('curl that expects to be told to continue is told, and uploads its message', async ({ url, expectSessions }) => {
  const { exitCode, stdout } = await curl('--include', '-H', 'Expect: 100-continue', '-d', LONG, url);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  expect(stdout).toMatch(new RegExp(`\r\n\r\nheard: ${LONG}$`));
  await expectSessions({ messages: 1, reason: 'done' });
});

test('curl that expects to be told to continue uploads nothing of a message above the limit', async ({
  url,
  largeFile,
  expectSessions,
}) => {
  const args = [
    '-H',
    'Expect: 100-continue',
    '-w',
    '%{http_code}, %{size_upload} bytes',
    '--data-binary',
    `@${largeFile}`,
  ];
  expect(await curl(...args, url)).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^the body exceeds 65536 bytes: .*\n413, 0 bytes$/),
  });
  await expectSessions({
    messages: 0,
    bytesIn: expect.toSatisfy((bytes: number) => bytes < MOST_HEAD_BYTES),
    reason: 'too_large',
  });
});

test('curl that uploads a message above the limit without asking reads why it was refused', async ({
  url,
  largeFile,
  expectSessions,
}) => {
  const args = ['-H', 'Expect:', '-w', '%{http_code}', '--data-binary', `@${largeFile}`];
  expect(await curl(...args, url)).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^the body exceeds 65536 bytes: .*\n413$/),
  });
  await expectSessions({ messages: 0, reason: 'too_large' });
});

test('curl that takes HTTP/2 for granted fails, and the handler hears nothing', async ({ url, expectSessions }) => {
  const { exitCode, stdout } = await curl('--http2-prior-knowledge', '-d', 'Hello', url);
  expect(stdout).toBe('');
  // Some versions take an answer in HTTP/1.1 for none, some for a fault in HTTP/2.
  expect(exitCode).toBeGreaterThan(0);
  await expectSessions({
    messages: 0,
    refusals: { 505: 1 },
    refusal: '505: unsupported version: send HTTP/1.1 or HTTP/1.0',
    reason: 'bad_frame',
  });
});

test('curl that asks for HTTP/2 is answered in HTTP/1.1', async ({ url, expectSessions }) => {
  const args = ['--http2', '-d', 'Hello', '-w', ' (%{http_version})', url];
  expect(await curl(...args)).toEqual({ exitCode: 0, stdout: 'heard: Hello (1.1)' });
  await expectSessions({ messages: 1, reason: 'done' });
});

test('curl with a method that does not exist reads that it does not', async ({ url, expectSessions }) => {
  const args = ['-X', 'FOO', '-w', '%{http_code}', url];
  expect(await curl(...args)).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^unknown method: .*\n501$/),
  });
  await expectSessions({ messages: 0, refusals: { 501: 1 } });
});

test('curl that takes the server for a proxy gets the reply: the target is an absolute form', async ({
  url,
  expectSessions,
}) => {
  const args = ['--disable', '--silent', '--noproxy', '', '--proxy', url, '-d', 'Hello', 'http://knock/'] as const;
  expect(await output('curl', ...args)).toEqual({ exitCode: 0, stdout: 'heard: Hello' });
  await expectSessions({ messages: 1, message: 'Hello', reason: 'done' });
});

test('wget gets the replies to two messages on one connection', async ({ url, expectSessions }) => {
  expect(await wget('--post-data=Hello', url, url)).toEqual({ exitCode: 0, stdout: 'heard: Hello'.repeat(2) });
  await expectSessions({ messages: 2, message: 'Hello', reason: 'done' });
});

test('wget says with its exit code that a message was refused', async ({ url, largeFile, expectSessions }) => {
  // 8: the server issued an error response.
  expect(await wget('--tries=1', `--post-file=${largeFile}`, url)).toEqual({ exitCode: 8, stdout: '' });
  await expectSessions({ messages: 0, refusals: { 413: 1 }, reason: 'too_large' });
});

test('Python’s http.client gets its replies, in order, on one connection', async ({ url, expectSessions }) => {
  const program = `
import http.client, sys
server = http.client.HTTPConnection(sys.argv[1])
for message in sys.argv[2:]:
    server.request('POST', '/', message)
    print(server.getresponse().read().decode())
`;
  const { exitCode, stdout } = await output('python3', '-c', program, new URL(url).host, ...KEPT);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'heard: one\nheard: two\nheard: three\n' });
  await expectSessions({ messages: 3, message: 'one' });
});

test('Node’s fetch gets its replies, in order, on one connection', async ({ url, expectSessions }) => {
  const program = `
import { setImmediate } from 'node:timers/promises';
const [url, ...messages] = process.argv.slice(1);
for (const body of messages) {
  console.log(await (await fetch(url, { method: 'POST', body })).text());
  // A turn later fetch knows that its connection is free again.
  await setImmediate();
}
`;
  const args = ['--input-type=module', '--eval', program, '--', url, ...KEPT] as const;
  const { exitCode, stdout } = await output(process.execPath, ...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'heard: one\nheard: two\nheard: three\n' });
  await expectSessions({ messages: 3, message: 'one' });
});

test('undici gets its replies, in order, on one connection', async ({ url, expectSessions }) => {
  const client = new Client(url);
  const replies: string[] = [];
  for (const body of KEPT) {
    const response = await client.request({ method: 'POST', path: '/', body });
    replies.push(await response.body.text());
  }
  await client.close();
  expect(replies).toEqual(['heard: one', 'heard: two', 'heard: three']);
  await expectSessions({ messages: 3, message: 'one', reason: 'done' });
});

test('undici that pipelines gets as many replies as it has sent requests, on one connection', async ({
  url,
  expectSessions,
}) => {
  const client = new Client(url, { pipelining: 10 });
  const requests = Array.from({ length: 30 }, () => client.request({ method: 'GET', path: '/' }));
  const replies = await Promise.all(requests.map(async (request) => (await request).body.text()));
  await client.close();
  expect(replies).toEqual(Array(30).fill('heard: '));
  await expectSessions({ messages: 30, reason: 'done' });
});
