/** Somebody who does what a paper says, in terminals of their own, and compares what is seen with what the paper shows. */
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
/** The one of nearly all commands, and the one for those who cannot have it. */
const PAPERS_PORTS = ['12000', '12345'];
const ANY_LINES = '…';
const CTRL_C = '^C';
/** In front of a line that is typed into what runs. */
const INPUT = '> ';

export class DocRunner implements AsyncDisposable {
  /** In the place of the ports and the names that the papers use, so that nothing else of this machine is touched. */
  readonly #ports: ReadonlyMap<string, string>;
  readonly #stack = uniqueName();
  readonly #folder = mkdtempSync(join(tmpdir(), 'knock-reader-'));
  readonly #terminals = new Map<string, Terminal>();
  #inSwarm = false;

  static async come(): Promise<DocRunner> {
    const ports = PAPERS_PORTS.map(async (port) => [port, String(await freePort())] as const);
    return new DocRunner(new Map(await Promise.all(ports)));
  }

  constructor(ports: ReadonlyMap<string, string>) {
    this.#ports = ports;
    // Where no terminal is, curl shows its progress.
    writeFileSync(join(this.#folder, '.curlrc'), 'silent');
  }

  /** Types and looks, block by block. Resolves with the first thing that is not as the paper has it, in words. */
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
      // Where the paper shows nothing, it has to go well at least.
      if (block.terminal === undefined && !isShown && this.#terminal().exitCode !== 0) {
        return this.#difference(typed, { body: 'that it goes well' });
      }
    }
    return undefined;
  }

  /** Waits for the end of the commands, unless they are to stay in a terminal of their own. */
  async type({ terminal: name, body }: Pick<Block, 'terminal' | 'body'>): Promise<void> {
    const terminal = this.#terminal(name);
    if (/^docker swarm (?:init|leave)/m.test(body)) this.#inSwarm = !body.includes('docker swarm leave');
    if (name === undefined) await terminal.run(this.#own(body), COMMAND_TIMEOUT_MS);
    else await terminal.type(this.#own(body));
  }

  /** Whether a terminal shows this, soon if something still runs there; `^C`, and what stands behind `> `, is typed first. */
  async sees({ terminal: name, body }: Pick<Block, 'terminal' | 'body'>): Promise<boolean> {
    const lines = body.trimEnd().split('\n');
    if (name === undefined) return isAll(lines, this.shown());
    for (const line of lines.filter(isTyped)) {
      if (line === CTRL_C) await this.#terminal(name).interrupt();
      else this.#terminal(name).answer(line.slice(INPUT.length));
    }
    const until = performance.now() + SEEN_TIMEOUT_MS;
    while (!isAmong(lines, this.shown(name))) {
      if (performance.now() > until) return false;
      await sleep(50);
    }
    // The next time only what is new counts.
    this.#terminal(name).wipe();
    return true;
  }

  /** What is new in a terminal, with the ports and the names of the papers. */
  shown(name?: string): string {
    let asInPapers = this.#terminal(name).shown.replaceAll(this.#stack, 'knock');
    for (const [papers, own] of this.#ports) asInPapers = asInPapers.replaceAll(own, papers);
    return withoutProgress(stripVTControlCharacters(asInPapers).replaceAll(/[ \r]+$/gm, ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const terminal of this.#terminals.values()) await terminal.interrupt();
    await this.#terminal().run('docker compose down --timeout 2', COMMAND_TIMEOUT_MS);
    // Those that were built under this reader's own names. (Not by Compose's `--rmi`, which takes the others as well.)
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
      // The images that are there already.
      COMPOSE_FILE: 'docker-compose.yml:tests/support/compose.images.yml',
      KNOCK_PORT: port!,
      KNOCK_CERTIFICATES: this.#folder,
      CURL_HOME: this.#folder,
      // For the programs of the article, and for the clients in other languages.
      PORT: port!,
      // The Node of this project comes first, since the article's programs are in TypeScript.
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    });
    this.#terminals.set(name, terminal);
    return terminal;
  }

  #own(commands: string): string {
    return commands
      .replaceAll(/(?<=localhost[ :]|KNOCK_PORT=)\d+\b/g, (papers) => this.#ports.get(papers) ?? papers)
      .replaceAll(/(?<= )certificates\//g, `${this.#folder}/`)
      .replaceAll(/(?<= )knock(?=_|$)/gm, this.#stack);
  }

  #difference(typed: string, { terminal, body }: Partial<Block>): string {
    return `typed:\n${typed}\nto be seen:\n${body}\nseen:\n${this.shown(terminal)}`;
  }
}

function isTyped(line: string): boolean {
  return line === CTRL_C || line.startsWith(INPUT);
}

/** Compose's lines about containers that come and go are for a person who waits. */
function withoutProgress(shown: string): string {
  return shown.replaceAll(/^ ?(?:Container|Network|Volume|Image) .*\n/gm, '');
}

/** These lines are all that is shown, in their order; with `…` for a line, they are among what is shown. */
function isAll(lines: readonly string[], shown: string): boolean {
  if (lines.includes(ANY_LINES)) return isAmong(lines, shown);
  return new RegExp(`^${lines.map((line) => `${pattern(line)}\n`).join('')}$`).test(shown);
}

/** In any order, since several programs speak, or one on two streams; and each at least as often as it stands here. */
function isAmong(lines: readonly string[], shown: string): boolean {
  return Array.from(Map.groupBy(lines, (line) => line)).every(([line, times]) => {
    if (line === ANY_LINES || isTyped(line)) return true;
    return (shown.match(new RegExp(`^${pattern(line)}$`, 'gm'))?.length ?? 0) >= times.length;
  });
}

/** What is different each time: `…`, a time of day, how long it took, how wide a column is. */
const VARIES = /(…|\d\d:\d\d:\d\d\.\d{3}|\b\d+(?= ms\b)| +)/;

function pattern(line: string): string {
  // `split` gives what varies at the odd places.
  const parts = line.split(VARIES).map((part, place) => (place % 2 === 0 ? RegExp.escape(part) : anyLike(part)));
  return parts.join('');
}

function anyLike(part: string): string {
  if (part === '…') return '.*';
  if (part.startsWith(' ')) return ' +';
  return part.includes(':') ? String.raw`\d\d:\d\d:\d\d\.\d{3}` : String.raw`\d+`;
}
