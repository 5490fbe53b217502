/** A program that ends with its test. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { vi } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
/** A busy machine needs ten seconds for the start of a program alone. */
const PATIENCE_MS = 30_000;

/** The result of a program. */
interface Ended {
  /** Null if a signal ended it. */
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export class Program implements AsyncDisposable {
  readonly #command: string;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #closed: Promise<unknown>;
  #stdout = '';
  #stderr = '';
  #ended: Ended | undefined;

  /** Starts it in the root of the repository, with `environment` added to that of the tests. */
  constructor([file, ...args]: [string, ...string[]], environment: Record<string, string> = {}) {
    this.#command = [file, ...args].join(' ');
    this.#child = spawn(file, args, {
      cwd: ROOT,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#child.on('error', (error) => (this.#stderr += error.message));
    this.#closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.once('close', (exitCode) => {
      this.#ended = { exitCode, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  /** Resolves with the first match in the program's stdout. */
  async printed(pattern: RegExp, { withinMs = PATIENCE_MS } = {}): Promise<RegExpExecArray> {
    return this.#until(`print ${pattern}`, withinMs, () => pattern.exec(this.#stdout));
  }

  /** Resolves when the program has exited and its output is complete. */
  async ended({ withinMs = PATIENCE_MS } = {}): Promise<Ended> {
    return this.#until(`end within ${withinMs} ms`, withinMs, () => this.#ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#closed;
  }

  /** Times out before the test does, which would leave the program running. */
  async #until<Result>(what: string, timeout: number, look: () => Result | null | undefined): Promise<Result> {
    const failure = () => new Error(`${this.#command} did not ${what}\n${this.#stdout}${this.#stderr}`);
    const check = () => {
      const result = look();
      if (!result && !this.#ended) throw failure();
      return result;
    };
    const result = await vi.waitFor(check, { timeout, interval: 10 });
    if (!result) throw failure();
    return result;
  }
}
