/** Knock's web server without the door: every connection is handed to it at its first bytes, whatever they are. */
import type { Socket } from 'node:net';

import { Connection } from '@knock/server/connection';
import { HandlingTime } from '@knock/server/handling-time';
import { serverSettings } from '@knock/server/settings';
import { Web } from '@knock/server/web';
import { pino } from 'pino';

const [port] = process.argv.slice(2).map(Number);
const settings = serverSettings.parse({});
const web = new Web({
  settings,
  handler: (message) => message,
  logger: pino({ level: 'info', enabled: false }),
  metrics: { text: () => Promise.resolve(''), contentType: '', handling: new HandlingTime() },
  page: undefined,
  turnedAway: () => undefined,
  ready: () => true,
  served: () => undefined,
});
let callers = 0;
web.server.on('connection', (socket: Socket) => {
  const connection = new Connection((callers += 1), socket, settings, () => undefined);
  socket.once('data', (head: Buffer) => {
    connection.pause();
    connection.language = 'http';
    web.take(connection, head);
  });
});
web.server.listen(port, '127.0.0.1');
