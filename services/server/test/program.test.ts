import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { RawClient, frame } from './raw-client.ts';

const MAIN = join(import.meta.dirname, '../src/main.ts');

/** The server in its own process. */
class Program implements AsyncDisposable {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #ended: Promise<unknown[]>;

  constructor(env: Record<string, string>, main = MAIN) {
    this.child = spawn(process.execPath, [main], { env: { HOST: '127.0.0.1', PORT: '0', ...env } });
    this.child.stdout!.on('data', (text) => (this.stdout += text));
    this.child.stderr!.on('data', (text) => (this.stderr += text));
    this.#ended = once(this.child, 'close');
  }

  /** Resolves with the port once it listens. */
  async port(): Promise<number> {
    await expect.poll(() => this.stdout, { interval: 10 }).toMatch(/listens on port \d+/);
    return Number(/listens on port (\d+)/.exec(this.stdout)![1]);
  }

  async exitCode(): Promise<unknown> {
    const [code] = await this.#ended;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended;
  }
}

test('the bundled program serves its page', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'knock-'));
  const server = join(import.meta.dirname, '..');
  const rolldown = join(server, 'node_modules/.bin/rolldown');
  await promisify(execFile)(rolldown, ['--config', 'rolldown.config.ts', '--dir', folder.path], { cwd: server });
  await using program = new Program({ LIVE_PAGE: 'on' }, join(folder.path, 'main.mjs'));
  const page = await fetch(`http://127.0.0.1:${await program.port()}/`, { headers: { accept: 'text/html' } });
  expect(await page.text()).toContain('<!doctype html>');
});

test.each([
  [{}, 'try: curl http://localhost:PORT/ or type: nc localhost PORT'],
  [{ LIVE_PAGE: 'on' }, 'open http://localhost:PORT/ or type: nc localhost PORT'],
  [{ PUBLISHED_PORT: '80' }, 'try: curl http://localhost:80/ or type: nc localhost 80'],
])('with %o its first lines say how to connect', async (env, hint) => {
  await using program = new Program({ NAME: 'me', ...env });
  const port = await program.port();
  expect(program.stdout).toContain(`me listens on port ${port}: ${hint.replaceAll('PORT', String(port))}`);
});

test('two builds can be distinguished: at the start of the log, and in the metrics', async () => {
  const { node } = process.versions;
  const manifest = await readFile(join(import.meta.dirname, '../package.json'), 'utf8');
  const { version: ownVersion } = JSON.parse(manifest) as { version: string };
  const builds = [
    [{}, ownVersion, 'unknown'],
    [{ KNOCK_VERSION: '0.2.0', KNOCK_REVISION: 'abc1234' }, '0.2.0', 'abc1234'],
  ] as const;
  for (const [env, version, revision] of builds) {
    await using program = new Program(env);
    const metrics = await (await fetch(`http://127.0.0.1:${await program.port()}/metrics`)).text();
    expect(metrics.split('\n').filter((line) => line.startsWith('knock_build_info'))).toEqual([
      `knock_build_info{version="${version}",revision="${revision}",node="${node}"} 1`,
    ]);
    const lines = program.stdout.trimEnd().split('\n');
    const msg = expect.stringContaining(`knock ${version} (revision ${revision}) on Node ${node}: up to `);
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ version, revision, node, msg }),
    );
  }
});

test('REPLY_DELAY_MS makes the handler slow, and its timeout ends it', async () => {
  await using program = new Program({ REPLY_DELAY_MS: '60000', HANDLER_TIMEOUT_MS: '50' });
  const client = await RawClient.to(await program.port());
  client.end(frame('Hello'));
  expect((await client.closed()).toString()).toContain('failed: no reply within 50 ms (HANDLER_TIMEOUT_MS)');
});

test('exits with 78 for wrong settings, with one line for each', async () => {
  await using program = new Program({ PORT: 'twelve', ACCEPT: 'maybe', MAX_CONNECTIONS: '0' });
  expect(await program.exitCode()).toBe(78);
  expect(program.stdout).toBe('');
  expect(program.stderr.trimEnd().split('\n')).toEqual([
    'PORT="twelve": must be a whole number from 0 to 65535',
    'ACCEPT="maybe": must be forever or once',
    'MAX_CONNECTIONS="0": must be a whole number from 1 to 1000000',
  ]);
});

test('logs one line if its port is in use, and exits with 1', async () => {
  await using taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await using program = new Program({ PORT: String(port), LOG_FORMAT: 'pretty' });
  expect(await program.exitCode()).toBe(1);
  expect(program.stderr).toBe('');
  expect(program.stdout).toMatch(
    new RegExp(`^\\S+ ERROR: port ${port} is in use \\(EADDRINUSE\\): .* set PORT to a free one\\n$`),
  );
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  'exits with 0 at once on %s if nobody is served, and its last line says so',
  async (signal) => {
    await using program = new Program({});
    await program.port();
    const began = performance.now();
    program.child.kill(signal);
    expect(await program.exitCode()).toBe(0);
    // DRAIN_TIMEOUT_MS is 8 s. (The scorecard measures the time on a quiet machine: graceful-shutdown.)
    expect(performance.now() - began).toBeLessThan(4000);
    expect(JSON.parse(program.stdout.trimEnd().split('\n').at(-1)!)).toMatchObject({
      msg: 'stopped: every connection has ended',
    });
  },
);

/** Whether the server has handled messages and is blocked now: two scrapes in a row show the same count. */
async function isBlocked(port: number): Promise<boolean> {
  const handled = async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return Number(/^knock_messages_total\{protocol="frames"\} (\d+)$/m.exec(metrics)![1]);
  };
  const before = await handled();
  return before > 0 && before === (await handled());
}

test('exits with 1 at once on a second signal', async () => {
  await using program = new Program({});
  const port = await program.port();
  const client = await RawClient.to(port);
  // A client that never reads its replies keeps the drain from ending.
  client.socket.pause();
  client.send(Buffer.concat(Array.from({ length: 500_000 }, () => frame(''))));
  await expect.poll(() => isBlocked(port), { interval: 100 }).toBe(true);
  program.child.kill('SIGTERM');
  await expect.poll(() => program.stdout, { interval: 10 }).toContain('SIGTERM: draining: no new connections');
  const began = performance.now();
  program.child.kill('SIGTERM');
  expect(await program.exitCode()).toBe(1);
  // DRAIN_TIMEOUT_MS is 8 s.
  expect(performance.now() - began).toBeLessThan(4000);
  client.socket.destroy();
});

test('with ACCEPT=once exits with 0 after its first client', async () => {
  await using program = new Program({ ACCEPT: 'once' });
  const client = await RawClient.to(await program.port());
  client.end('Hello, server');
  expect((await client.closed()).toString()).toBe('hello from the server!');
  expect(await program.exitCode()).toBe(0);
});

test('fills its name and the message into REPLY', async () => {
  await using program = new Program({ REPLY: '{server} heard {message}' });
  const client = await RawClient.to(await program.port());
  client.end("it's $& {server}\n");
  expect((await client.closed()).toString()).toMatch(/^\S+ heard it's \$& \{server\}\n$/);
});

test('closes no healthy client when it resumes after a pause longer than its timeouts', async () => {
  await using program = new Program({ IDLE_TIMEOUT_MS: '4000', MESSAGE_TIMEOUT_MS: '4000', LOG_LEVEL: 'debug' });
  const port = await program.port();
  const [frames, text, http, half] = await Promise.all([1, 2, 3, 4].map(() => RawClient.to(port)));
  const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  frames!.send(frame('one'));
  text!.send('one\n');
  http!.send(get);
  half!.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab');
  await Promise.all([frames, text, http].map((client) => client!.until('hello from the server!')));
  program.child.kill('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 200));
  // In time: the server is paused.
  frames!.send(frame('two'));
  text!.send('two\n');
  http!.send(get);
  half!.send('cd');
  await new Promise((resolve) => setTimeout(resolve, 5000));
  program.child.kill('SIGCONT');
  for (const client of [frames, text, http]) {
    await expect.poll(() => client!.received.toString().match(/hello from the server!/g)?.length).toBe(2);
  }
  await half!.until('hello from the server!');
  for (const client of [frames, text, http, half]) client!.socket.destroy();
});
