import { connect } from 'node:net';

const host = process.env['HOST'] ?? 'localhost';
const port = Number(process.env['PORT'] ?? 12000);

const socket = connect(port, host);
socket.write('Hello, server'); // a string goes out as its bytes in UTF-8
socket.once('data', (bytes) => {
  console.log(bytes.toString()); // and comes in as bytes
  socket.end();
});
