/** The load for measurements in rounds: one client connection to each server. */
import { Client } from '@knock/client/delivery/client';
import { clientSettings } from '@knock/client/settings';
import { pino } from 'pino';
import type { StartedTestContainer } from 'testcontainers';

export const ROUND_MS = 4000;
/** Messages in flight, per server. */
const OUTSTANDING = 256;

const silent = pino({ level: 'silent' });

export function clientOf(server: StartedTestContainer): Client {
  return new Client(clientSettings.parse({ SERVER_HOST: server.getIpAddress('bridge') }), silent);
}

/** Replies a second, over one connection to each server at the same time. */
export async function throughput(servers: StartedTestContainer[]): Promise<number> {
  const end = performance.now() + ROUND_MS;
  const clients = servers.map(clientOf);
  const sending = clients.flatMap((client) => Array.from({ length: OUTSTANDING }, () => sendUntil(client, end)));
  const replies = (await Promise.all(sending)).reduce((sum, count) => sum + count, 0);
  for (const client of clients) client.close();
  return replies / (ROUND_MS / 1000);
}

async function sendUntil(client: Client, end: number): Promise<number> {
  let replies = 0;
  while (performance.now() < end) {
    const { outcome } = await client.send('Hello, server');
    if (outcome.kind !== 'replied') throw new Error(`a message got no reply: ${JSON.stringify(outcome)}`);
    replies += 1;
  }
  return replies;
}
