/** Server memory per connection, with 10,000 idle connections that have sent one message each. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Figure, Measure } from './figure.ts';
import { inTurn } from './rounds.ts';
import { BARE_NET, knock, KNOCK_FRAMES } from './servers.ts';

const SECTION = 'Idle connections';
/** A client process per server: one process may not open enough descriptors for both. */
const CLIENTS = join(import.meta.dirname, 'idle-clients.ts');
const FIRST_PORT = 21_300;
const STEPS = 10;
const CONNECTIONS = 10_000;
const SETTLE_MS = 300;

/** Both servers in turn, 1000 connections at a time: a step is a round. */
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
