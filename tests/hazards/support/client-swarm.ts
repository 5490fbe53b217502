/** Hostile clients in a Python program, with receive buffers of 2 KiB, which Node cannot set. */
import { join } from 'node:path';

import type { StartedKnockServerContainer } from '../../support/knock-server.ts';
import { Program } from '../../support/program.ts';

/** Texts with repeat counts, in Latin-1; `####` becomes the client's number. */
export type Pieces = [text: string, times: number][];

/** Clients with the same behaviour. */
export interface Group {
  count: number;
  /** Sent first. */
  opening: Pieces;
  /** The interval of the following actions. */
  everyMs?: number;
  /** Bytes to read, in pieces of 512, before it stops reading; 0: reads nothing. */
  takes?: number;
  /** Sent then, repeatedly. */
  drip?: Pieces;
}

const PROGRAM = join(import.meta.dirname, 'client-swarm.py');

export class ClientSwarm implements AsyncDisposable {
  readonly #groups: Group[];
  readonly #program: Program;

  /** Resolves when all have connected, at 2.5 ms each. */
  static async at(server: StartedKnockServerContainer, groups: Group[]): Promise<ClientSwarm> {
    const { host, port } = await server.address();
    const swarm = new ClientSwarm(groups, new Program(['python3', PROGRAM, host, `${port}`, JSON.stringify(groups)]));
    try {
      await swarm.#program.printed(/^all connected$/m);
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

  /** When each client stopped reading, in milliseconds since 1970. All of them must be clients that do. */
  async stoppedAt(): Promise<number[]> {
    const lines = Array.from({ length: this.size }, (_, n) => this.#program.printed(new RegExp(`^${n} (.*)$`, 'm')));
    return (await Promise.all(lines)).map(([, at]) => Number(at));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
