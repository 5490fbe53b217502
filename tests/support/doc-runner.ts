/** Types the commands of a document into terminals, and compares their output with what the document shows. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';

import type { Block, Chapter } from './doc.ts';
import { freePort } from './free-port.ts';
import { Terminal } from './terminal.ts';
import { uniqueName } from './unique-name.ts';

/** A command may update a swarm. */
const COMMAND_TIMEOUT_MS = 180_000;
const SEEN_TIMEOUT_MS = 30_000;
/** The default port, and the alternative for people who cannot use it. */
const DOC_PORTS = ['12000', '12345'];
const ANY_LINES = '…';
const CTRL_C = '^C';
/** Marks a line that is typed into the running command. */
const INPUT = '> ';

export class DocRunner implements AsyncDisposable {
  /** Replace the ports of the docs, so that nothing else on this machine is touched. */
  readonly #ports: ReadonlyMap<string, string>;
  readonly #stack = uniqueName();
  readonly #folder = mkdtempSync(join(tmpdir(), 'knock-reader-'));
  readonly #terminals = new Map<string, Terminal>();
  #inSwarm = false;

  static async create(): Promise<DocRunner> {
    const ports = DOC_PORTS.map(async (port) => [port, String(await freePort())] as const);
    return new DocRunner(new Map(await Promise.all(ports)));
  }

  constructor(ports: ReadonlyMap<string, string>) {
    this.#ports = ports;
    // Without a terminal, curl shows its progress.
    writeFileSync(join(this.#folder, '.curlrc'), 'silent');
  }

  /** Types and compares, block by block. Resolves with a description of the first difference, if any. */
  async follow({ blocks }: Chapter): Promise<string | undefined> {
    let typed = '';
    for (const [index, block] of blocks.entries()) {
      if (block.kind === 'text') {
        if (!(await this.sees(block))) return this.#difference(typed, block);
        continue;
      }
      typed = block.body;
      await this.type(block);
      const next = blocks[index + 1];
      const isShown = next?.kind === 'text' && next.terminal === undefined;
      // A command without shown output must at least succeed.
      if (block.terminal === undefined && !isShown && this.#terminal().exitCode !== 0) {
        return this.#difference(typed, { body: 'exit code 0' });
      }
    }
    return undefined;
  }

  /** Waits for the end of the commands, unless they run in a named terminal. */
  async type({ terminal: name, body }: Pick<Block, 'terminal' | 'body'>): Promise<void> {
    const terminal = this.#terminal(name);
    if (/^docker swarm (?:init|leave)/m.test(body)) this.#inSwarm = !body.includes('docker swarm leave');
    if (name === undefined) await terminal.run(this.#own(body), COMMAND_TIMEOUT_MS);
    else await terminal.type(this.#own(body));
  }

  /** Whether a terminal shows these lines, within a timeout if it still runs. Types `^C`, and lines marked with `> `, first. */
  async sees({ terminal: name, body }: Pick<Block, 'terminal' | 'body'>): Promise<boolean> {
    const lines = body.trimEnd().split('\n');
    if (name === undefined) return isAll(lines, this.shown());
    for (const line of lines.filter(isTyped)) {
      if (line === CTRL_C) await this.#terminal(name).interrupt();
      else this.#terminal(name).input(line.slice(INPUT.length));
    }
    const until = performance.now() + SEEN_TIMEOUT_MS;
    while (!isAmong(lines, this.shown(name))) {
      if (performance.now() > until) return false;
      await sleep(50);
    }
    // The next comparison sees only new output.
    this.#terminal(name).wipe();
    return true;
  }

  /** New output of a terminal, with the ports and names of the docs. */
  shown(name?: string): string {
    let output = this.#terminal(name).shown.replaceAll(this.#stack, 'knock');
    for (const [port, own] of this.#ports) output = output.replaceAll(own, port);
    return withoutProgress(stripVTControlCharacters(output).replaceAll(/[ \r]+$/gm, ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const terminal of this.#terminals.values()) await terminal.interrupt();
    await this.#terminal().run('docker compose down --timeout 2', COMMAND_TIMEOUT_MS);
    // Images built under this runner's names. (Compose's `--rmi` would remove the shared ones as well.)
    const own = `docker image ls --quiet --filter reference='${this.#stack}-*'`;
    await this.#terminal().run(`${own} | xargs --no-run-if-empty docker image rm --force`, COMMAND_TIMEOUT_MS);
    if (this.#inSwarm) await this.#terminal().run('docker swarm leave --force', COMMAND_TIMEOUT_MS);
    rmSync(this.#folder, { recursive: true });
  }

  #terminal(name = ''): Terminal {
    const known = this.#terminals.get(name);
    if (known) return known;
    const [port] = this.#ports.values();
    const terminal = new Terminal({
      COMPOSE_PROJECT_NAME: this.#stack,
      // Use the images that are already built.
      COMPOSE_FILE: 'docker-compose.yml:tests/support/compose.images.yml',
      KNOCK_PORT: port!,
      KNOCK_CERTIFICATES: this.#folder,
      CURL_HOME: this.#folder,
      // For the article's programs, and for the clients in other languages.
      PORT: port!,
      // This project's Node first: the article's programs are in TypeScript.
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    });
    this.#terminals.set(name, terminal);
    return terminal;
  }

  #own(commands: string): string {
    return commands
      .replaceAll(/(?<=localhost[ :]|KNOCK_PORT=)\d+\b/g, (port) => this.#ports.get(port) ?? port)
      .replaceAll(/(?<= )certificates\//g, `${this.#folder}/`)
      .replaceAll(/(?<= )knock(?=_|$)/gm, this.#stack);
  }

  #difference(typed: string, { terminal, body }: Partial<Block>): string {
    return `typed:\n${typed}\nexpected:\n${body}\nactual:\n${this.shown(terminal)}`;
  }
}

function isTyped(line: string): boolean {
  return line === CTRL_C || line.startsWith(INPUT);
}

/** Drops Compose's progress lines about containers. */
function withoutProgress(shown: string): string {
  return shown.replaceAll(/^ ?(?:Container|Network|Volume|Image) .*\n/gm, '');
}

/** Whether the output is exactly these lines, in order; with a line `…`, whether it contains them. */
function isAll(lines: readonly string[], shown: string): boolean {
  if (lines.includes(ANY_LINES)) return isAmong(lines, shown);
  return new RegExp(`^${lines.map((line) => `${pattern(line)}\n`).join('')}$`).test(shown);
}

/** Whether the output has each line at least as often, in any order: several programs, or two streams, interleave. */
function isAmong(lines: readonly string[], shown: string): boolean {
  return Array.from(Map.groupBy(lines, (line) => line)).every(([line, times]) => {
    if (line === ANY_LINES || isTyped(line)) return true;
    return (shown.match(new RegExp(`^${pattern(line)}$`, 'gm'))?.length ?? 0) >= times.length;
  });
}

/** Parts that vary: `…`, times of day, durations, column widths. */
const VARIES = /(…|\d\d:\d\d:\d\d\.\d{3}|\b\d+(?= ms\b)| +)/;

function pattern(line: string): string {
  // `split` puts the captured parts at odd indexes.
  const parts = line.split(VARIES).map((part, place) => (place % 2 === 0 ? RegExp.escape(part) : anyLike(part)));
  return parts.join('');
}

function anyLike(part: string): string {
  if (part === '…') return '.*';
  if (part.startsWith(' ')) return ' +';
  return part.includes(':') ? String.raw`\d\d:\d\d:\d\d\.\d{3}` : String.raw`\d+`;
}
