/** Ten thousand connections that have said something and wait: the memory that the server has for each. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Figure, Measure } from './figure.ts';
import { BARE_NET, knock, KNOCK_FRAMES } from './servers.ts';

const SECTION = 'Idle connections';
const FIRST_PORT = 21_300;
const STEPS = 10;
const CONNECTIONS = 10_000;
const AT_ONCE = 20;
/** That is 400 a second at most. */
const PAUSE_MS = 50;
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
    running.push({ name: server.name, program, port, message: server.encode('Hello, server') });
  }
  const sockets: Socket[] = [];
  stack.defer(() => sockets.forEach((socket) => socket.destroy()));
  const values: Record<string, number[]> = {};
  for (let step = 1; step <= STEPS; step += 1) {
    progress(`${SECTION}: ${step * (CONNECTIONS / STEPS)} of ${CONNECTIONS}`);
    for (const { name, program, port, message } of running) {
      const before = program.memory();
      sockets.push(...(await open(port, message, CONNECTIONS / STEPS)));
      await sleep(SETTLE_MS);
      (values[name] ??= []).push((program.memory() - before) / (CONNECTIONS / STEPS));
    }
  }
  const title = `Memory for each of ${CONNECTIONS} idle connections, thousand by thousand`;
  return [{ id: 'idle-memory', section: SECTION, title, unit: 'bytes', better: 'less', values }];
}

async function open(port: number, message: Buffer, count: number): Promise<Socket[]> {
  const opened: Socket[] = [];
  while (opened.length < count) {
    const sockets = Array.from({ length: AT_ONCE }, () => connect({ port, host: '127.0.0.1', noDelay: true }));
    for (const socket of sockets) socket.write(message);
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    opened.push(...sockets);
    await sleep(PAUSE_MS);
  }
  return opened;
}
