/** The echo of `bare-net.ts`, plus one log line per connection at its end, like Knock's and through the same logger. */
import { createServer } from 'node:net';

import { createLog } from '@knock/shared/log/log';

const [port] = process.argv.slice(2).map(Number);
const { logger } = createLog({ level: 'info', format: 'json', name: 'bare' });
let connections = 0;
createServer({ noDelay: true }, (socket) => {
  const fields = { connection: (connections += 1), client: '127.0.0.1', address: '127.0.0.1', protocol: 'frames' };
  const openedAt = performance.now();
  let message: string | undefined;
  socket.on('data', (bytes: Buffer) => {
    message ??= bytes.toString('utf8', 4);
    socket.write(bytes);
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    const { bytesRead: bytesIn, bytesWritten: bytesOut } = socket;
    const ms = Math.round(performance.now() - openedAt);
    const sentence = `127.0.0.1 said "${message}", got "${message}" (frames, ${ms} ms)`;
    logger.info({ ...fields, messages: 1, message, reply: message, bytesIn, bytesOut, ms, reason: 'done' }, sentence);
  });
}).listen(port, '127.0.0.1');
