/** What Node's sockets can do at most: every byte goes back as it came, and nothing is decoded, limited or counted. */
import { createServer } from 'node:net';

const [port] = process.argv.slice(2).map(Number);
createServer({ noDelay: true }, (socket) => {
  socket.on('data', (bytes) => socket.write(bytes));
  socket.on('error', () => socket.destroy());
}).listen(port, '127.0.0.1');
