import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import type { LoadReport } from '../src/commands/load-report.ts';
import { frame, onMessage, errorReply, type Scripted, scripted } from './scripted-server.ts';

const MAIN = join(import.meta.dirname, '../src/main.ts');

interface Run {
  code: unknown;
  stdout: string;
  stderr: string;
}

interface RunOptions {
  /** Sent at `when`, or at the first output on stdout. */
  signal?: NodeJS.Signals;
  when?: Promise<void>;
  /** The input on stdin. */
  input?: string;
}

/** Runs the client as a program. */
async function run(
  args: string[],
  env: Record<string, string> = {},
  { signal, when, input = '' }: RunOptions = {},
): Promise<Run> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { SERVER_HOST: '127.0.0.1', ...env } });
  // The program may have exited without reading its input.
  child.stdin.on('error', () => undefined).end(input);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => (stdout += text));
  child.stderr.on('data', (text) => (stderr += text));
  if (signal) void (when ?? once(child.stdout, 'data')).then(() => child.kill(signal));
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

const at = ({ port }: Scripted, more: Record<string, string> = {}) => ({
  SERVER_PORT: String(port),
  // Long enough that no answered message runs into it, however busy the machine.
  DEADLINE_MS: '20000',
  REPLY_TIMEOUT_MS: '20000',
  ...more,
});
const echo = () => scripted((socket) => onMessage(socket, (message) => socket.write(frame(message))));
const lines = (text: string) => text.trimEnd().split('\n');

test('send prints the replies, one per line and nothing else, and exits with 0', async () => {
  await using server = await echo();
  expect(await run(['send', 'one', 'two words', '{client}'], at(server))).toEqual({
    code: 0,
    stdout: 'one\ntwo words\n{client}\n',
    stderr: '',
  });
});

test('send writes all bytes of a reply to a pipe', async () => {
  await using server = await echo();
  const { stdout } = await run(['send', '\u001b[31mred\u0007'], at(server));
  expect(stdout).toBe('\u001b[31mred\u0007\n');
});

test('send writes thousands of replies before it exits', async () => {
  await using server = await echo();
  const texts = Array.from({ length: 2000 }, (_, n) => `${n} ${'x'.repeat(40)}`);
  const { stdout } = await run(['send', ...texts], at(server));
  expect(lines(stdout)).toEqual(texts);
});

test('send distinguishes error replies from replies, and exits with 2', async () => {
  await using server = await scripted((socket) =>
    onMessage(socket, (message) =>
      socket.write(message === 'bad' ? errorReply('bad_utf8: no\u001bluck') : frame(message)),
    ),
  );
  expect(await run(['send', 'good', 'bad'], at(server))).toEqual({
    code: 2,
    stdout: 'good\n',
    stderr: '"bad": rejected: bad_utf8: no\\u{1b}luck\n',
  });
});

test('send exits with 4 if the handler failed, and shows no control character of the server', async () => {
  await using server = await scripted((socket) =>
    onMessage(socket, () => socket.write(errorReply('failed: no\u001bluck'))),
  );
  expect(await run(['send', 'bad'], at(server))).toEqual({
    code: 4,
    stdout: '',
    stderr: '"bad": unknown: failed: no\\u{1b}luck\n',
  });
});

test('--version prints the version and the revision of the build', async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string;
  };
  expect(await run(['--version'], {})).toEqual({ code: 0, stdout: `${version} (revision unknown)\n`, stderr: '' });
  const built = await run(['--version'], { KNOCK_VERSION: '0.2.0', KNOCK_REVISION: 'abc1234' });
  expect(built.stdout).toBe('0.2.0 (revision abc1234)\n');
});

test('send exits with 3 if the connection is refused, and says what to do', async () => {
  const gone = await echo();
  await gone[Symbol.asyncDispose]();
  const { code, stdout, stderr } = await run(['send', 'hello'], at(gone, { DEADLINE_MS: '2000' }));
  expect([code, stdout]).toEqual([3, '']);
  expect(stderr).toMatch(
    /^"hello": not handled: connection refused by 127\.0\.0\.1:\d+ \(ECONNREFUSED\): start the server.*\n$/,
  );
});

test('send exits with 4 if the outcome is unknown', async () => {
  await using server = await scripted((socket) => onMessage(socket, () => socket.destroy()));
  const { code, stderr } = await run(['send', 'hello'], at(server));
  expect(code).toBe(4);
  expect(stderr).toContain('"hello": unknown: ');
});

test('chat sends each line of a pipe, and prints a thousand replies in order', async () => {
  await using server = await echo();
  const texts = Array.from({ length: 1000 }, (_, n) => `line ${n}`);
  const { code, stdout, stderr } = await run(['chat'], at(server), {
    input: texts.join('\n'),
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(lines(stdout)).toEqual(texts);
});

test('chat prints each reply at once, not only at the end of its input', async () => {
  await using server = await echo();
  const child = spawn(process.execPath, [MAIN, 'chat'], { env: { SERVER_HOST: '127.0.0.1', ...at(server) } });
  child.stdin.write('one\n');
  expect(String((await once(child.stdout, 'data'))[0])).toBe('one\n');
  child.stdin.end('two');
  expect(String((await once(child.stdout, 'data'))[0])).toBe('two\n');
  expect((await once(child, 'close'))[0]).toBe(0);
});

test('chat distinguishes error replies from replies, continues, and exits with 2', async () => {
  await using server = await scripted((socket) =>
    onMessage(socket, (message) => socket.write(message === 'bad' ? errorReply('bad_utf8: no') : frame(message))),
  );
  expect(await run(['chat'], at(server), { input: 'good\nbad\nbetter\n' })).toEqual({
    code: 2,
    stdout: 'good\nbetter\n',
    stderr: '"bad": rejected: bad_utf8: no\n',
  });
});

test('chat exits on a signal although its input is still open', async () => {
  await using server = await echo();
  const child = spawn(process.execPath, [MAIN, 'chat'], { env: { SERVER_HOST: '127.0.0.1', ...at(server) } });
  child.stdin.write('one\n');
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  expect((await once(child, 'close'))[0]).toBe(1);
});

test('--chunk sends a message in more than one write, and the reply is the same', async () => {
  const reads: number[] = [];
  await using server = await scripted((socket) => {
    socket.on('data', (bytes: Buffer) => reads.push(bytes.length));
    onMessage(socket, (message) => socket.write(frame(message)));
  });
  // There is a pause between two writes. A busy machine may read several of them at once, but not all.
  const message = 'x'.repeat(200);
  const { stdout } = await run(['send', '--chunk', '1', message], at(server));
  expect(stdout).toBe(`${message}\n`);
  expect(reads.length).toBeGreaterThan(1);
});

test.each([[['send', '--glue', '2', 'a', 'b', 'c']], [['chat', '--glue', '2']]])(
  '%j writes that many messages at a time, and the last ones as soon as no more come',
  async (args) => {
    await using server = await echo();
    const options = { input: 'a\nb\nc' };
    const { stdout, stderr } = await run([...args, '--explain'], at(server), options);
    expect(stdout).toBe('a\nb\nc\n');
    expect([...stderr.matchAll(/wrote (\d) message/g)].map(([, count]) => count)).toEqual(['2', '1']);
  },
);

test('--explain shows the pieces in which a message is written', async () => {
  await using server = await echo();
  const { stderr } = await run(['send', '--explain', '--chunk', '5', 'Hello, server'], at(server));
  expect(stderr).toContain('wrote 1 message, 17 bytes, 5 at a time: 00 00 00 0d 48 65');
});

test('--explain shows each write and read with its bytes', async () => {
  await using server = await echo();
  const { stdout, stderr } = await run(['send', '--explain', 'hi', 'you'], at(server));
  expect(stdout).toBe('hi\nyou\n');
  expect(stderr).toContain('wrote 2 messages, 13 bytes: 00 00 00 02 68 69 00 00 00 03 79 6f 75');
  expect(stderr).toMatch(/read \d+ bytes: 00 00 00 02 68 69/);
});

test('load keeps --depth messages in flight on each connection, and prints a report', async () => {
  const unanswered = new Map<object, number>();
  let max = 0;
  await using server = await scripted((socket) =>
    onMessage(socket, (message) => {
      unanswered.set(socket, (unanswered.get(socket) ?? 0) + 1);
      max = Math.max(max, unanswered.get(socket)!);
      setTimeout(() => {
        unanswered.set(socket, unanswered.get(socket)! - 1);
        socket.write(frame(message));
      }, 5);
    }),
  );
  const { code, stdout } = await run(['load', '--connections', '3', '--depth', '4', '--seconds', '1'], at(server));
  expect(code).toBe(0);
  expect(unanswered.size).toBe(3);
  expect(max).toBe(4);
  expect(stdout).toMatch(
    /^[\d,]+ replies a second \(\d+ in \d+\.\d s, 3 connections × 4 unanswered\)\n\nlatency: p50 [\d.]+ ms/,
  );
  expect(stdout).toMatch(/^ *≤ \d+ ms │█+ [\d.]+ %$/m);
});

test('load --json prints one line of JSON', async () => {
  await using server = await echo();
  const { stdout, stderr } = await run(['load', '--seconds', '2', '--json'], at(server));
  const { outcomes, latencies } = JSON.parse(stdout) as LoadReport;
  expect(outcomes).toMatchObject({ rejected: 0, not_handled: 0, unknown: 0 });
  expect(latencies.classes.reduce((sum, { count }) => sum + count, 0)).toBe(outcomes.replied);
  expect(stderr).toMatch(/^1 of 2 s: [\d,]+ replies\n/);
});

test('load exits with the code of the worst outcome, and shows that of the last message without a reply', async () => {
  await using server = await scripted((socket) => onMessage(socket, () => socket.write(errorReply('failed: no'))));
  const { code, stdout } = await run(['load', '--seconds', '1'], at(server));
  expect(code).toBe(4);
  expect(stdout).toMatch(/^0 replies a second .*, \d+ unknown\)\nLast message without a reply: unknown: failed: no\n$/);
});

test('load reports early on a signal, and exits with 1', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  let heard = 0;
  await using server = await scripted((socket) =>
    onMessage(socket, (message) => {
      heard += 1;
      // The first message only opens the connection.
      if (heard === 2) begin();
      socket.write(frame(message));
    }),
  );
  const { code, stdout } = await run(['load', '--seconds', '60', '--json'], at(server), {
    signal: 'SIGTERM',
    when: begun,
  });
  // Not after the full minute.
  expect((JSON.parse(stdout) as LoadReport).seconds).toBeLessThan(30);
  expect(code).toBe(1);
});

test('greets COUNT times, on a new connection each time, and counts the outcomes', async () => {
  await using server = await echo();
  const { code, stdout } = await run([], at(server, { COUNT: '3', INTERVAL_MS: '10', MESSAGE: 'greeting {n}' }));
  expect(code).toBe(0);
  expect(server.accepted).toBe(3);
  const log = lines(stdout).map((line) => JSON.parse(line));
  expect(log.map(({ message, outcome, reply }) => [message, outcome, reply])).toEqual([
    ['greeting 1', 'replied', 'greeting 1'],
    ['greeting 2', 'replied', 'greeting 2'],
    ['greeting 3', 'replied', 'greeting 3'],
    [undefined, undefined, undefined],
  ]);
  expect(log.at(-1).outcomes).toEqual({ replied: 3, rejected: 0, not_handled: 0, unknown: 0 });
});

test('skips missed greetings, and continues with the next beat', async () => {
  const heardAt: number[] = [];
  await using server = await scripted((socket, nth) =>
    onMessage(socket, (message) => {
      heardAt.push(performance.now());
      setTimeout(() => socket.write(frame(message)), nth === 2 ? 1200 : 0);
    }),
  );
  expect((await run([], at(server, { COUNT: '3', INTERVAL_MS: '1000' }))).code).toBe(0);
  // The second reply comes in the middle of a beat, so the third greeting is two beats after the second, which may be late.
  expect(heardAt[2]! - heardAt[1]!).toBeGreaterThan(1400);
});

test('exits with 0 on a signal if it greets forever, and with 1 if COUNT is set', async () => {
  await using server = await echo();
  expect((await run([], at(server), { signal: 'SIGTERM' })).code).toBe(0);
  expect((await run(['greet'], at(server), { signal: 'SIGINT' })).code).toBe(0);
  expect((await run(['greet'], at(server, { COUNT: '100' }), { signal: 'SIGTERM' })).code).toBe(1);
});

test('waits briefly for a greeting in flight after a signal', async () => {
  const second = Promise.withResolvers<void>();
  let stoppedAt = 0;
  await using server = await scripted((socket, nth) =>
    onMessage(socket, (message) => {
      if (nth === 1) socket.write(frame(message));
      else {
        stoppedAt = performance.now();
        second.resolve();
      }
    }),
  );
  const { code, stdout } = await run([], at(server, { INTERVAL_MS: '0' }), {
    signal: 'SIGTERM',
    when: second.promise,
  });
  expect(code).toBe(0);
  // Half a second, not the 20 s of REPLY_TIMEOUT_MS.
  expect(performance.now() - stoppedAt).toBeLessThan(4500);
  expect(JSON.parse(lines(stdout).at(-1)!).outcomes).toMatchObject({ replied: 1, unknown: 1 });
});

test('exits with 78 for wrong settings, with one line for each', async () => {
  expect(await run([], { SERVER_PORT: '0', PROTOCOL: 'udp' })).toEqual({
    code: 78,
    stdout: '',
    stderr: 'SERVER_PORT="0": must be a whole number from 1 to 65535\nPROTOCOL="udp": must be frames, text or http\n',
  });
});

test.each([
  [['shout']],
  [['send']],
  [['--loud']],
  [['greet', 'who']],
  [['load', '--depth', '0']],
  [['load', '--seconds', '1.5']],
])('exits with 64 for wrong usage: %j', async (args) => {
  const { code, stderr } = await run(args);
  expect(code).toBe(64);
  expect(stderr).toMatch(/^error: .*\n[^]*--help/);
});

test('prints usage with --help, and exits with 0', async () => {
  const { code, stdout } = await run(['--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('greet');
  expect(stdout).toContain('send');
});

test('names an unknown command', async () => {
  const { stderr } = await run(['shout']);
  expect(stderr).toContain("unknown command 'shout'");
});

/** Runs the client in a shell pipeline. The exit code is the client's. */
async function shell(command: string, env: Record<string, string>): Promise<Run> {
  const client = `${process.execPath} ${MAIN}`;
  const script = command.replace('client', client);
  const child = spawn('bash', ['-c', `${script}; exit \${PIPESTATUS[0]}`], {
    env: { ...process.env, SERVER_HOST: '127.0.0.1', ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => (stdout += text));
  child.stderr.on('data', (text) => (stderr += text));
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

test('exits silently when the reader of its replies is gone', async () => {
  await using server = await echo();
  // More than a pipe holds, so it cannot finish before its reader.
  expect(await shell('client send $(seq --format=%0200g 3000) | head -1', at(server))).toEqual({
    code: 1,
    stdout: `${'1'.padStart(200, '0')}\n`,
    stderr: '',
  });
});

test('--explain shows writes and reads before the replies that they led to', async () => {
  const heard: string[] = [];
  await using server = await scripted((socket) =>
    onMessage(socket, (message) => {
      // One write, so that the client has one read.
      if (heard.push(message) === 3) socket.write(Buffer.concat(heard.map((text) => frame(text))));
    }),
  );
  const { stdout } = await shell('client send --explain --glue 3 one two three 2>&1', at(server));
  expect(stdout.match(/wrote|read|^(?:one|two|three)$/gm)).toEqual(['wrote', 'read', 'one', 'two', 'three']);
});

test('stops greeting when the reader of its log is gone', async () => {
  await using server = await echo();
  const { code, stdout, stderr } = await shell('client greet | head -1', at(server, { INTERVAL_MS: '20' }));
  expect([code, stderr]).toEqual([0, '']);
  expect(lines(stdout)).toHaveLength(1);
});

test('exits on a signal although nobody reads its log', async () => {
  await using server = await echo();
  const env = at(server, { INTERVAL_MS: '0', MESSAGE: 'x'.repeat(100) });
  const child = spawn(process.execPath, [MAIN], { env: { SERVER_HOST: '127.0.0.1', ...env } });
  child.stdout.pause();
  // That is more than a pipe holds: each greeting logs a line of 600 bytes.
  await expect.poll(() => server.accepted, { timeout: 50_000 }).toBeGreaterThan(150);
  const began = performance.now();
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
  // Without a timeout it would wait for a reader forever.
  expect(performance.now() - began).toBeLessThan(10_000);
  child.stdout.destroy();
});
