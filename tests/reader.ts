/** Somebody who does what a paper says, in terminals of their own, and compares what is seen with what the paper shows. */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';

import { expect } from 'vitest';

import { freePort } from './free-port.ts';
import type { Block, Chapter } from './paper.ts';
import { Terminal } from './terminal.ts';

/** A command may build images or update a swarm. */
const COMMAND_TIMEOUT_MS = 180_000;
const SEEN_TIMEOUT_MS = 30_000;
const PUBLISHED_PORT = '12000';

export class Reader implements AsyncDisposable {
  readonly #port: string;
  readonly #stack = `knock-test-${randomBytes(4).toString('hex')}`;
  readonly #terminals = new Map<string, Terminal>();

  /** A reader whose port is nobody else's. */
  static async come(): Promise<Reader> {
    return new Reader(String(await freePort()));
  }

  constructor(port: string) {
    this.#port = port;
  }

  /** Types and looks, block by block. Throws where something else is seen. */
  async follow({ blocks }: Chapter): Promise<void> {
    for (const [index, block] of blocks.entries()) {
      if (block.kind === 'sh') await this.type(block, { isShown: isShown(blocks[index + 1]) });
      else await this.look(block);
    }
  }

  /** `isShown`: the paper says what is seen; else only that it goes well. */
  async type({ terminal: name, body }: Pick<Block, 'terminal' | 'body'>, { isShown = false } = {}): Promise<void> {
    const terminal = this.#terminal(name);
    if (name !== undefined) {
      await terminal.type(this.#own(body));
      return;
    }
    await terminal.run(this.#own(body), COMMAND_TIMEOUT_MS);
    if (!isShown) expect(terminal.exitCode, `${body}${terminal.shown}`).toBe(0);
  }

  /** What a terminal has shown since something was typed into it, in the words of the paper. */
  shown(name?: string): string {
    const { shown } = this.#terminal(name);
    const names = shown.replaceAll(this.#port, PUBLISHED_PORT).replaceAll(this.#stack, 'knock');
    return withoutProgress(names);
  }

  async look({ terminal: name, body }: Pick<Block, 'terminal' | 'body'>): Promise<void> {
    const expected = body.split('\n').slice(0, -1);
    if (name === undefined) {
      expect(this.shown()).toMatch(pattern(expected));
      return;
    }
    if (expected[0] === '^C') {
      expected.shift();
      await this.#terminal(name).interrupt();
    }
    // The lines of several programs come in any order.
    for (const line of expected) {
      if (line === '…') continue;
      await expect.poll(() => this.shown(name), { timeout: SEEN_TIMEOUT_MS }).toMatch(pattern([line], 'm'));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const terminal of this.#terminals.values()) await terminal.interrupt();
    await this.#terminal().run('docker compose down --timeout 2', COMMAND_TIMEOUT_MS);
  }

  #terminal(name = ''): Terminal {
    const known = this.#terminals.get(name);
    if (known) return known;
    const terminal = new Terminal({
      COMPOSE_PROJECT_NAME: this.#stack,
      KNOCK_PORT: this.#port,
      // For the programs of the article, and for the clients in other languages.
      PORT: this.#port,
      // The Node that the scripts run on comes first: the article's programs are in TypeScript.
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    });
    this.#terminals.set(name, terminal);
    return terminal;
  }

  /** The commands, with a port and with names that are this reader's own. */
  #own(commands: string): string {
    return commands
      .replaceAll(/(?<=localhost[ :])12000\b/g, this.#port)
      .replaceAll(/\bknock(?=_|$| 2>| \|)/gm, this.#stack);
  }
}

/** What is seen of a command that ends by itself stands right behind it. */
function isShown(next: Block | undefined): boolean {
  return next?.kind === 'text' && next.terminal === undefined;
}

/** Compose's lines about containers that come and go are for a person who waits. */
function withoutProgress(shown: string): string {
  return shown.replaceAll(/^ ?(?:Container|Network|Volume|Image) .*\n/gm, '');
}

/** `…` alone is any number of lines, and within a line it is anything. */
function pattern(lines: readonly string[], flags = ''): RegExp {
  const parts = lines.map((line) => {
    if (line === '…') return '(?:.*\n)*';
    const words = line.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    return words.replaceAll('…', '.*').replaceAll(/ +/g, ' +') + (flags === 'm' ? '$' : '\n?');
  });
  return new RegExp(`^${parts.join('')}${flags === 'm' ? '' : '$'}`, flags);
}
