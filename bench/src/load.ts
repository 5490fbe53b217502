/** The load generator: a small C program, the same for all servers, and cheaper than any of them. */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { pinned } from './pin.ts';

const SOURCE = join(import.meta.dirname, 'load.c');
const BUILT = join(import.meta.dirname, '../.build');
const PROGRAM = join(BUILT, 'load');
const run = promisify(execFile);

export interface LoadOptions {
  port: number;
  /** The bytes of one message. */
  message: Buffer;
  /** Size of its reply, in bytes. */
  replyBytes: number;
  connections: number;
  /** Messages in flight per connection. */
  depth: number;
  ms: number;
  /** Instead: a connection per exchange, at this many a second. */
  rate?: number;
}

/** Latencies are in microseconds. */
export interface LoadResult {
  messages: number;
  seconds: number;
  p50: number;
  p99: number;
  p999: number;
}

/** Compiles the load. Rejects off Linux, and without a C compiler. */
export async function buildLoad(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the benchmarks need Linux: they use epoll(7) and /proc');
  mkdirSync(BUILT, { recursive: true });
  await run('cc', ['-O2', '-o', PROGRAM, SOURCE]).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    const sentence = 'no C compiler `cc` to build the load generator: install gcc or clang';
    throw new Error(sentence, { cause: error });
  });
}

export async function load({
  port,
  message,
  replyBytes,
  connections,
  depth,
  ms,
  rate = 0,
}: LoadOptions): Promise<LoadResult> {
  const numbers = [port, connections, depth, ms, replyBytes, rate].map(String);
  const child = spawn(...pinned(1, PROGRAM, numbers), { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(message);
  let output = '';
  for await (const text of child.stdout.setEncoding('utf8')) output += text;
  if (output === '') throw new Error(`the load of port ${port} failed`);
  return JSON.parse(output) as LoadResult;
}

const IDLE_MS = 300;

/** The reply to one message: all bytes until a pause. */
export function answerOf(port: number, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(message));
    const finish = () => {
      socket.destroy();
      resolve(Buffer.concat(pieces));
    };
    let idle: NodeJS.Timeout | undefined;
    socket.on('data', (bytes: Buffer) => {
      pieces.push(bytes);
      clearTimeout(idle);
      idle = setTimeout(finish, IDLE_MS);
    });
    socket.once('error', reject);
    socket.once('end', finish);
  });
}
