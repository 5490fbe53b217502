/** The upper bound for node:net: echoes bytes, with no decoding, limits or counters. */
import { createServer } from 'node:net';

const [port] = process.argv.slice(2).map(Number);
createServer({ noDelay: true }, (socket) => {
  socket.on('data', (bytes) => socket.write(bytes));
  socket.on('error', () => socket.destroy());
}).listen(port, '127.0.0.1');
