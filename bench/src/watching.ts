/** The cost of one viewer of the live page under full load: a plain reader of `/events`. */
import { type ClientRequest, get } from 'node:http';

import { echoProbe } from './echo-probe.ts';
import type { Figure, Measure } from './figure.ts';
import { load } from './load.ts';
import { inTurn } from './rounds.ts';
import { KNOCK_FRAMES } from './servers.ts';

const SECTION = 'Somebody watching';
const PORT = 21_400;

export async function measureWatching({ rounds, ms, progress }: Measure): Promise<Figure[]> {
  await using program = KNOCK_FRAMES.program(PORT);
  await program.listens(PORT);
  const told = await echoProbe(KNOCK_FRAMES, PORT, 'Hello, server');
  const rate = async () => {
    const { messages, seconds } = await load({ port: PORT, ...told, connections: 50, depth: 16, ms });
    return messages / seconds;
  };
  const values: Record<'watched' | 'unwatched', number[]> = { watched: [], unwatched: [] };
  await rate();
  for (let round = 1; round <= rounds; round += 1) {
    progress(`${SECTION}: round ${round} of ${rounds}`);
    for (const how of inTurn(['unwatched', 'watched'] as const, round)) {
      const watching = how === 'watched' ? watch() : undefined;
      values[how].push(await rate());
      watching?.destroy();
    }
  }
  const title = '50 connections × 16 unanswered, 13 B, with and without a reader of /events';
  return [{ id: 'watching', section: SECTION, title, unit: 'messages/s', values }];
}

function watch(): ClientRequest {
  const options = { host: '127.0.0.1', port: PORT, path: '/events', agent: false };
  return get(options, (events) => events.resume()).on('error', () => undefined);
}
