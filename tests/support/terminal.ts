/** A reader's terminal: runs typed commands in a shell, and keeps the output. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const ROOT = join(import.meta.dirname, '../..');

/** How long an interrupted command may take to exit. */
const CTRL_C_MS = 4000;

export class Terminal {
  readonly #environment: Record<string, string>;
  #shell: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #closed: Promise<void> = Promise.resolve();
  /** Output since the last command or {@link wipe}. */
  shown = '';
  /** Of the last command, or the first nonzero one of several; null after a signal. */
  exitCode: number | null = 0;

  constructor(environment: Record<string, string>) {
    this.#environment = environment;
  }

  /** Types a command without waiting for it. Interrupts a running one first, as a reader must. */
  async type(command: string): Promise<void> {
    await this.interrupt();
    this.wipe();
    this.#start(command);
  }

  /** Runs commands, one per line, and waits for each. Rejects if one exceeds `withinMs`. */
  async run(commands: string, withinMs: number): Promise<void> {
    await this.interrupt();
    this.wipe();
    let worst: number | null = 0;
    for (const command of commands.trimEnd().split('\n')) {
      this.#start(command);
      const timer = setTimeout(() => this.#signal('SIGKILL'), withinMs);
      await this.#closed;
      clearTimeout(timer);
      if (this.exitCode === null) throw new Error(`still running after ${withinMs} ms: ${command}\n${this.shown}`);
      // A prompt starts on a new line.
      if (this.shown !== '' && !this.shown.endsWith('\n')) this.shown += '\n';
      worst ||= this.exitCode;
    }
    this.exitCode = worst;
  }

  /** Types a line into the running command. */
  input(line: string): void {
    this.#shell?.stdin.write(`${line}\n`);
  }

  /** Forgets the output so far. */
  wipe(): void {
    this.shown = '';
  }

  /** Ctrl-C; resolves when the command has exited. (Some versions of Compose ignore it at times, hence SIGKILL.) */
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
      // Its own process group, which receives Ctrl-C as in a terminal.
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
