/** curl against the server's container: its output, and the server's log. */
import { expect } from 'vitest';

import { output, test } from '../support/http-client.ts';

/** Below the server's limit, above what curl puts into one chunk or write. */
const LONG = 'é'.repeat(30_000);
/** Above the size of curl's request head. */
const MOST_HEAD_BYTES = 1000;

/** Ignores the user's curl configuration. */
const curl = (...args: string[]) => output('curl', '--disable', '--silent', '--noproxy', '*', ...args);

test('curl gets the reply to the empty message', async ({ url, expectSessions }) => {
  expect(await curl(url)).toEqual({ exitCode: 0, stdout: 'heard: ' });
  await expectSessions({ messages: 1, message: '', reason: 'completed' });
});

test('curl -d gets the reply to its message', async ({ url, expectSessions }) => {
  expect(await curl('-d', 'Hello', url)).toEqual({ exitCode: 0, stdout: 'heard: Hello' });
  await expectSessions({ messages: 1, message: 'Hello', reason: 'completed' });
});

test('curl sends several messages on one connection', async ({ url, expectSessions }) => {
  const args = ['one', 'two', 'three'].flatMap((message) =>
    `--next --noproxy * -d ${message} -w \n%{num_connects}\n ${url}`.split(' '),
  );
  expect(await curl(...args.slice(1))).toEqual({
    exitCode: 0,
    stdout: 'heard: one\n1\nheard: two\n0\nheard: three\n0\n',
  });
  await expectSessions({ messages: 3, reason: 'completed' });
});

test('curl with HTTP/1.0 gets its reply, and the connection closes', async ({ url, expectSessions }) => {
  const { exitCode, stdout } = await curl('--http1.0', '--include', '-d', 'Hello', url);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Connection: close\r\n\r\nheard: Hello$/);
  await expectSessions({ messages: 1, reason: 'completed' });
});

test('curl with HTTP/1.0 and keep-alive stays connected', async ({ url, expectSessions }) => {
  const args = ['--http1.0', '-H', 'Connection: keep-alive', '-w', '\n%{num_connects}\n', url, url];
  expect(await curl(...args)).toEqual({ exitCode: 0, stdout: 'heard: \n1\nheard: \n0\n' });
  await expectSessions({ messages: 2, reason: 'completed' });
});

test('curl --head gets the response head without a body, and stays connected', async ({ url, expectSessions }) => {
  const { exitCode, stdout } = await curl('--head', '-w', '%{num_connects}\n', url, url);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^(?:HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Content-Length: 7\r\n\r\n[10]\n){2}$/);
  expect(stdout.match(/^[10]$/gm)).toEqual(['1', '0']);
  await expectSessions({ messages: 2, reason: 'completed' });
});

test('curl uploads a message in chunks', async ({ url, expectSessions }) => {
  const args = ['-H', 'Transfer-Encoding: chunked', '-d', LONG, url];
  expect(await curl(...args)).toEqual({ exitCode: 0, stdout: `heard: ${LONG}` });
  await expectSessions({ messages: 1, reason: 'completed' });
});

test('curl with `Expect: 100-continue` gets 100, and uploads its message', async ({ url, expectSessions }) => {
  const { exitCode, stdout } = await curl('--include', '-H', 'Expect: 100-continue', '-d', LONG, url);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  expect(stdout).toMatch(new RegExp(`\r\n\r\nheard: ${LONG}$`));
  await expectSessions({ messages: 1, reason: 'completed' });
});

test('curl with `Expect: 100-continue` uploads nothing of a message above the limit', async ({
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

test('curl that uploads a message above the limit without `Expect` still reads the error', async ({
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

test('curl with HTTP/2 prior knowledge fails, and the handler gets nothing', async ({ url, expectSessions }) => {
  const { exitCode, stdout } = await curl('--http2-prior-knowledge', '-d', 'Hello', url);
  expect(stdout).toBe('');
  // Versions of curl differ: no response, or an HTTP/2 framing error.
  expect(exitCode).toBeGreaterThan(0);
  await expectSessions({
    messages: 0,
    errorReplies: { 505: 1 },
    errorReply: '505: unsupported version: send HTTP/1.1 or HTTP/1.0',
    reason: 'malformed',
  });
});

test('curl that asks for an HTTP/2 upgrade gets HTTP/1.1', async ({ url, expectSessions }) => {
  const args = ['--http2', '-d', 'Hello', '-w', ' (%{http_version})', url];
  expect(await curl(...args)).toEqual({ exitCode: 0, stdout: 'heard: Hello (1.1)' });
  await expectSessions({ messages: 1, reason: 'completed' });
});

test('curl with an unknown method reads the error', async ({ url, expectSessions }) => {
  const args = ['-X', 'FOO', '-w', '%{http_code}', url];
  expect(await curl(...args)).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^unknown method: .*\n501$/),
  });
  await expectSessions({ messages: 0, errorReplies: { 501: 1 } });
});

test('curl that uses the server as a proxy gets the reply: the target is in absolute form', async ({
  url,
  expectSessions,
}) => {
  const args = ['--disable', '--silent', '--noproxy', '', '--proxy', url, '-d', 'Hello', 'http://knock/'] as const;
  expect(await output('curl', ...args)).toEqual({ exitCode: 0, stdout: 'heard: Hello' });
  await expectSessions({ messages: 1, message: 'Hello', reason: 'completed' });
});
