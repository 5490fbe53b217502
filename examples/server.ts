import { type AddressInfo, createServer } from 'node:net';

const port = Number(process.env['PORT'] ?? 12000);
const once = process.argv[2] === 'once';

const server = createServer((socket) => {
  if (once) server.close(); // takes no more clients; the program ends with this one
  socket.once('data', (bytes) => {
    console.log(bytes.toString());
    socket.end('hello from the server!');
  });
});

server.listen(port, () => {
  console.log('listening on port', (server.address() as AddressInfo).port);
});
