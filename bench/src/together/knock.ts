/** Sends to a Knock echo server, over one connection. */
import { Client } from '@knock/client/delivery/client';
import { clientSettings } from '@knock/client/settings';
import { pino } from 'pino';

import { count, port } from './asking.ts';

const settings = clientSettings.parse({ SERVER_HOST: '127.0.0.1', SERVER_PORT: String(port) });
const client = new Client(settings, pino({ level: 'silent' }));
await count(async (text) => {
  const { outcome } = await client.send(text);
  if (outcome.kind !== 'replied') throw new Error(`a message was not replied to: ${JSON.stringify(outcome)}`);
  return outcome.reply;
});
client.close();
