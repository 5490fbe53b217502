/** The server under `docker compose up --watch`, in a copy of its sources that a test can change. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

import { Program } from './program.ts';
import { uniqueName } from './unique-name.ts';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = [
  '.dockerignore',
  'docker-compose.yml',
  'Dockerfile',
  'package.json',
  'packages',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'services',
  'tsconfig.base.json',
];
const NOT_COPIED = ['dist', 'node_modules'];
const BUILD_TIMEOUT_MS = 90_000;
const run = promisify(execFile);

export class WatchedDemo implements AsyncDisposable {
  readonly #project = uniqueName();
  readonly #directory = mkdtempSync(join(tmpdir(), 'knock-watched-'));
  readonly #port: number;
  readonly #running: Program;

  /** Publishes the server on `port`. */
  constructor(port: number) {
    this.#port = port;
    for (const source of SOURCES) {
      const filter = (path: string) => !NOT_COPIED.includes(basename(path));
      cpSync(join(ROOT, source), join(this.#directory, source), { recursive: true, filter });
    }
    this.#running = new Program(['docker', ...this.#compose('up', '--watch', 'server')], { KNOCK_PORT: `${port}` });
  }

  /** Resolves when Compose watches: it misses earlier changes. */
  async watching(): Promise<void> {
    await this.#running.printed(/Watch enabled/, { withinMs: BUILD_TIMEOUT_MS });
  }

  /** Changes a file of the copy; `path` is from the root of the repository. */
  change(path: string, edit: (text: string) => string): void {
    const file = join(this.#directory, path);
    writeFileSync(file, edit(readFileSync(file, 'utf8')));
  }

  /** The server's reply, or the error. */
  async reply(): Promise<string> {
    return fetch(`http://localhost:${this.#port}/`).then((response) => response.text(), String);
  }

  /** The id of the server's container, which changes with each rebuild. */
  async container(): Promise<string> {
    return (await run('docker', this.#compose('ps', '--quiet', 'server'))).stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
    await run('docker', this.#compose('down', '--timeout', '2'));
    // A replaced image has lost its name, but keeps Compose's label.
    const own = ['--filter', `label=com.docker.compose.project=${this.#project}`];
    const images = (await run('docker', ['image', 'ls', '--quiet', ...own])).stdout.split('\n').filter(Boolean);
    if (images.length > 0) await run('docker', ['image', 'rm', '--force', ...images]);
    rmSync(this.#directory, { recursive: true });
  }

  #compose(...args: string[]): string[] {
    return ['compose', '-p', this.#project, '-f', join(this.#directory, 'docker-compose.yml'), ...args];
  }
}
