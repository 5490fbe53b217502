/** A program under measurement, pinned to one processor, with its CPU time and memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { pinned, type Processor } from './pin.ts';

const START_MS = 15_000;

interface ProgramOptions {
  command: string;
  args: string[];
  on: Processor;
  environment?: Record<string, string>;
}

export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<unknown>;

  constructor({ command, args, on, environment = {} }: ProgramOptions) {
    const [file, rest] = pinned(on, command, args);
    this.#name = [command, ...args].join(' ');
    this.#child = spawn(file, rest, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...environment },
    });
    this.#ended = once(this.#child, 'exit');
    // However the bench ends, its programs end too.
    process.once('exit', this.#kill);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves with the milliseconds until it listens; rejects if it exits. */
  async listens(port: number): Promise<number> {
    const start = performance.now();
    while (!(await isOpen(port))) {
      if (this.#child.exitCode !== null) throw new Error(`${this.#name} ended with ${this.#child.exitCode}`);
      if (performance.now() - start > START_MS) throw new Error(`${this.#name} did not listen at port ${port}`);
      await sleep(2);
    }
    return performance.now() - start;
  }

  /** Processor time of all its threads so far, in seconds. (`/proc/[pid]/task/[tid]/schedstat`, proc(5).) */
  cpuSeconds(): number {
    const tasks = `/proc/${this.pid}/task`;
    const nanoseconds = readdirSync(tasks).map((task) => {
      const [running] = readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ');
      return Number(running);
    });
    return nanoseconds.reduce((sum, value) => sum + value, 0) / 1e9;
  }

  /** Private memory, in bytes. */
  memory(): number {
    const rollup = readFileSync(`/proc/${this.pid}/smaps_rollup`, 'utf8');
    return (
      [...rollup.matchAll(/^Private_\w+: +(\d+) kB$/gm)].reduce((sum, [, kibibytes]) => sum + Number(kibibytes), 0) *
      1024
    );
  }

  /** Stops it gracefully. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }

  readonly #kill = () => this.#child.kill('SIGKILL');

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#kill);
    this.#kill();
    await this.#ended;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
