/** A terminal of a reader: what is typed into it runs in a shell, and what it shows is kept. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const ROOT = join(import.meta.dirname, '..');

export class Terminal implements AsyncDisposable {
  readonly #environment: Record<string, string>;
  #shell: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #closed: Promise<unknown> = Promise.resolve();
  /** What it has shown since something was last typed. */
  shown = '';
  exitCode: number | null = 0;

  constructor(environment: Record<string, string>) {
    this.#environment = environment;
  }

  /** Types commands, and waits for nothing. What still runs is interrupted first, as a reader would have to. */
  async type(commands: string): Promise<void> {
    await this.interrupt();
    this.shown = '';
    const shell = spawn('bash', ['-c', `exec 2>&1\n${commands}`], {
      cwd: ROOT,
      env: { ...process.env, ...this.#environment },
      stdio: ['pipe', 'pipe', 'inherit'],
      // A group of its own, to which Ctrl-C goes, as in a terminal.
      detached: true,
    });
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (this.shown += text));
    this.#shell = shell;
    this.#closed = once(shell, 'close').then(([exitCode]) => {
      this.exitCode = exitCode as number | null;
      this.#shell = undefined;
    });
  }

  /** Types commands that end by themselves, and waits until they have. Rejects if they have not by then. */
  async run(commands: string, withinMs: number): Promise<void> {
    await this.type(commands);
    const timer = setTimeout(() => this.#signal('SIGKILL'), withinMs);
    await this.#closed;
    clearTimeout(timer);
    if (this.exitCode === null) throw new Error(`not over after ${withinMs} ms:\n${commands}${this.shown}`);
  }

  /** Ctrl-C; resolves when what ran has ended. */
  async interrupt(): Promise<void> {
    this.#signal('SIGINT');
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.interrupt();
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#shell) process.kill(-this.#shell.pid!, signal);
  }
}
