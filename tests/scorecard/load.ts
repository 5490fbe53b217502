/** The load of the measurements that take more than one round: clients over one connection to each server. */
import { Client } from '@knock/client/delivery/client';
import { clientSettings } from '@knock/client/settings';
import { pino } from 'pino';
import type { StartedTestContainer } from 'testcontainers';

export const ROUND_MS = 4000;
/** Messages that are unanswered at once, for each server. */
const OUTSTANDING = 256;

const silent = pino({ level: 'silent' });

export function clientOf(server: StartedTestContainer): Client {
  return new Client(clientSettings.parse({ SERVER_HOST: server.getIpAddress('bridge') }), silent);
}

/** Messages a second over one connection to each server, all at once. */
export async function throughput(servers: StartedTestContainer[]): Promise<number> {
  const end = performance.now() + ROUND_MS;
  const clients = servers.map(clientOf);
  const asking = clients.flatMap((client) => Array.from({ length: OUTSTANDING }, () => askUntil(client, end)));
  const replies = (await Promise.all(asking)).reduce((sum, count) => sum + count, 0);
  for (const client of clients) client.close();
  return replies / (ROUND_MS / 1000);
}

async function askUntil(client: Client, end: number): Promise<number> {
  let replies = 0;
  while (performance.now() < end) {
    const { outcome } = await client.send('Hello, server');
    if (outcome.kind !== 'replied') throw new Error(`a message was not replied to: ${JSON.stringify(outcome)}`);
    replies += 1;
  }
  return replies;
}
