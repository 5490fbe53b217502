/** The same over HTTP, with a connection for each request in flight. */
import { Client } from '@knock/client/delivery/client';
import { clientSettings } from '@knock/client/settings';
import { pino } from 'pino';

import { count, outstanding, port } from './asking.ts';

const settings = clientSettings.parse({ SERVER_HOST: '127.0.0.1', SERVER_PORT: String(port), PROTOCOL: 'http' });
const logger = pino({ level: 'silent' });
const clients = Array.from({ length: outstanding }, () => new Client(settings, logger));
await count(async (text, place) => {
  const { outcome } = await clients[place]!.send(text);
  if (outcome.kind !== 'replied') throw new Error(`a message was not replied to: ${JSON.stringify(outcome)}`);
  return outcome.reply;
});
for (const client of clients) client.close();
