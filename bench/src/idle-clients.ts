/** `node idle-clients.ts PORT MESSAGE_HEX`: for each number N received over IPC, opens N connections, sends a message on each, and keeps them. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const AT_ONCE = 20;
/** At most 400 a second. */
const PAUSE_MS = 50;

const [port, hex] = process.argv.slice(2);
const message = Buffer.from(hex!, 'hex');
const opened: Socket[] = [];

process.on('message', (count: number) => {
  void open(count).then(() => process.send!(opened.length));
});

async function open(count: number): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE) {
    const sockets = Array.from({ length: AT_ONCE }, () =>
      connect({ port: Number(port), host: '127.0.0.1', noDelay: true }),
    );
    for (const socket of sockets) socket.write(message);
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    opened.push(...sockets);
    await sleep(PAUSE_MS);
  }
}
