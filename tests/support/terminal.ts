/** A terminal of a reader: what is typed into it runs in a shell, and what it shows is kept. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const ROOT = join(import.meta.dirname, '../..');

/** How long what was interrupted may take to end. */
const CTRL_C_MS = 4000;

export class Terminal {
  readonly #environment: Record<string, string>;
  #shell: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #closed: Promise<void> = Promise.resolve();
  /** What it has shown since something was typed into it, or since it was {@link wipe}d. */
  shown = '';
  /** Of the command that has ended, or the first of several that was not 0; null where a signal ended it. */
  exitCode: number | null = 0;

  constructor(environment: Record<string, string>) {
    this.#environment = environment;
  }

  /** Types a command, and waits for nothing. What still runs is interrupted first, as a reader would have to. */
  async type(command: string): Promise<void> {
    await this.interrupt();
    this.wipe();
    this.#start(command);
  }

  /** Types commands, one a line, and waits for the end of each. Rejects where one has not ended in time. */
  async run(commands: string, withinMs: number): Promise<void> {
    await this.interrupt();
    this.wipe();
    let worst: number | null = 0;
    for (const command of commands.trimEnd().split('\n')) {
      this.#start(command);
      const timer = setTimeout(() => this.#signal('SIGKILL'), withinMs);
      await this.#closed;
      clearTimeout(timer);
      if (this.exitCode === null) throw new Error(`not over after ${withinMs} ms: ${command}\n${this.shown}`);
      // The next prompt begins a line.
      if (this.shown !== '' && !this.shown.endsWith('\n')) this.shown += '\n';
      worst ||= this.exitCode;
    }
    this.exitCode = worst;
  }

  /** Types a line into what runs. */
  answer(line: string): void {
    this.#shell?.stdin.write(`${line}\n`);
  }

  /** What is shown from now on is new. */
  wipe(): void {
    this.shown = '';
  }

  /** Ctrl-C; resolves when what ran has ended. (Some versions of Compose do not end by it each time.) */
  async interrupt(): Promise<void> {
    this.#signal('SIGINT');
    const timer = setTimeout(() => this.#signal('SIGKILL'), CTRL_C_MS);
    await this.#closed;
    clearTimeout(timer);
  }

  #start(command: string): void {
    const shell = spawn('bash', ['-c', `exec 2>&1\n${command}`], {
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

  #signal(signal: NodeJS.Signals): void {
    if (this.#shell?.exitCode === null) process.kill(-this.#shell.pid!, signal);
  }
}
