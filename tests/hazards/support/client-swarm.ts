/** Clients that mean no good, in a program of their own: they have a kernel's buffer of 2 KiB each, which Node cannot give them. */
import { join } from 'node:path';

import type { StartedKnockServerContainer } from '../../support/knock-server.ts';
import { Program } from '../../support/program.ts';

/** Texts of which each is said so many times; a byte for each character, and `####` for the number of the client. */
export type Pieces = [text: string, times: number][];

/** Clients that behave alike. */
export interface Group {
  count: number;
  /** What each says first. */
  opening: Pieces;
  /** How often it does what comes next. */
  everyMs?: number;
  /** How many bytes it reads, in pieces of 512, before it stops reading for ever; none read nothing. */
  takes?: number;
  /** What it says then, over and over. */
  drip?: Pieces;
}

const PROGRAM = join(import.meta.dirname, 'client-swarm.py');

export class ClientSwarm implements AsyncDisposable {
  readonly #groups: Group[];
  readonly #program: Program;

  /** Resolves when all have connected, which takes them 2.5 ms each. */
  static async at(server: StartedKnockServerContainer, groups: Group[]): Promise<ClientSwarm> {
    const { host, port } = await server.address();
    const swarm = new ClientSwarm(groups, new Program(['python3', PROGRAM, host, `${port}`, JSON.stringify(groups)]));
    try {
      await swarm.#program.printed(/^all are there$/m);
    } catch (error) {
      await swarm[Symbol.asyncDispose]();
      throw error;
    }
    return swarm;
  }

  private constructor(groups: Group[], program: Program) {
    this.#groups = groups;
    this.#program = program;
  }

  get size(): number {
    return this.#groups.reduce((size, { count }) => size + count, 0);
  }

  /** When each client has stopped reading, in their order: milliseconds since 1970. All of them have to be such that do. */
  async stoppedAt(): Promise<number[]> {
    const lines = Array.from({ length: this.size }, (_, n) => this.#program.printed(new RegExp(`^${n} (.*)$`, 'm')));
    return (await Promise.all(lines)).map(([, at]) => Number(at));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
