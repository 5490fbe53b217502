/** Client and server together, each pair as its users would write it. The clients are in `together/`. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Figure, Measure } from './figure.ts';
import { pinned } from './pin.ts';
import { inTurn } from './rounds.ts';
import { BARE_HTTP, GRPC, KNOCK_FRAMES, KNOCK_HTTP, REDIS, ZEROMQ_ROUTER } from './servers.ts';

const SECTION = 'Client and server together';
const FIRST_PORT = 21_100;
const OUTSTANDING = [1, 64, 1024];
const run = promisify(execFile);

const PAIRS = [
  { name: 'Knock', client: 'knock.ts', program: KNOCK_FRAMES.program },
  { name: 'ioredis and redis-server', client: 'ioredis.ts', program: REDIS.program },
  { name: 'zeromq.js', client: 'zeromq.ts', program: ZEROMQ_ROUTER },
  { name: 'grpc-js', client: 'grpc.ts', program: GRPC },
  { name: 'Knock, HTTP', client: 'knock-http.ts', program: KNOCK_HTTP.program },
  { name: 'undici and node:http', client: 'undici.ts', program: BARE_HTTP.program },
];

export async function measureTogether(measure: Measure, outstanding = OUTSTANDING): Promise<Figure[]> {
  await using stack = new AsyncDisposableStack();
  const counts = outstanding.filter((count) => measure.wants(idOf(count)));
  const all = PAIRS.filter(({ name }) => counts.some((count) => measure.wants(idOf(count), name)));
  const running = all.map((pair, place) => ({ ...pair, port: FIRST_PORT + place }));
  for (const { program, port } of running) await stack.use(program(port)).listens(port);
  const figures: Figure[] = [];
  for (const count of counts) {
    const pairs = running.filter(({ name }) => measure.wants(idOf(count), name));
    const values: Record<string, number[]> = Object.fromEntries(pairs.map(({ name }) => [name, []]));
    for (let round = 1; round <= measure.rounds; round += 1) {
      measure.progress(`${SECTION}: ${count} outstanding, round ${round} of ${measure.rounds}`);
      for (const { name, client, port } of inTurn(pairs, round)) {
        values[name]!.push(await rate(client, port, count, measure.ms));
      }
    }
    const title = `${count} ${count === 1 ? 'message' : 'messages'} outstanding, 13 B`;
    figures.push({ id: idOf(count), section: SECTION, title, unit: 'messages/s', values });
  }
  return figures;
}

function idOf(outstanding: number): string {
  return `together-${outstanding}`;
}

async function rate(client: string, port: number, outstanding: number, ms: number): Promise<number> {
  const program = join(import.meta.dirname, 'together', client);
  const { stdout } = await run(...pinned(1, process.execPath, [program, ...[port, outstanding, ms].map(String)]));
  const { messages, seconds } = JSON.parse(stdout) as { messages: number; seconds: number };
  return messages / seconds;
}
