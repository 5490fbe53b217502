/** Ten thousand connections that have said something and wait: the memory that the server has for each. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Figure, Measure } from './figure.ts';
import { inTurn } from './rounds.ts';
import { BARE_NET, knock, KNOCK_FRAMES } from './servers.ts';

const SECTION = 'Idle connections';
/** A process of their own for each server, since a process may not have as many descriptors as both need. */
const CLIENTS = join(import.meta.dirname, 'idle-clients.ts');
const FIRST_PORT = 21_300;
const STEPS = 10;
const CONNECTIONS = 10_000;
const SETTLE_MS = 300;

/** Both servers in turn, a thousand connections at a time: a step is a round. */
export async function measureIdle({ progress }: Pick<Measure, 'progress'>): Promise<Figure[]> {
  await using stack = new AsyncDisposableStack();
  const roomy = knock({ MAX_CONNECTIONS: String(CONNECTIONS) });
  const running = [];
  for (const [place, server] of [BARE_NET, { ...KNOCK_FRAMES, program: roomy }].entries()) {
    const port = FIRST_PORT + place;
    const program = stack.use(server.program(port));
    await program.listens(port);
    const clients = fork(CLIENTS, [String(port), server.encode('Hello, server').toString('hex')]);
    stack.defer(() => void clients.kill());
    running.push({ name: server.name, program, clients });
  }
  const values: Record<string, number[]> = {};
  for (let step = 1; step <= STEPS; step += 1) {
    progress(`${SECTION}: ${step * (CONNECTIONS / STEPS)} of ${CONNECTIONS}`);
    for (const { name, program, clients } of inTurn(running, step)) {
      const before = program.memory();
      clients.send(CONNECTIONS / STEPS);
      await once(clients, 'message');
      await sleep(SETTLE_MS);
      (values[name] ??= []).push((program.memory() - before) / (CONNECTIONS / STEPS));
    }
  }
  const title = `Memory for each of ${CONNECTIONS} idle connections, thousand by thousand`;
  return [{ id: 'idle-memory', section: SECTION, title, unit: 'bytes', values }];
}
