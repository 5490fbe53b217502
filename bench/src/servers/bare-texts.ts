/**
 * The minimum for a server whose handler takes strings: reassembles frames, decodes UTF-8, and encodes the reply. No limits, no
 * timeouts, no counters, one protocol; one message at a time.
 */
import { createServer } from 'node:net';

const HEADER_BYTES = 4;

const [port] = process.argv.slice(2).map(Number);
createServer({ noDelay: true }, (socket) => {
  let frame = Buffer.alloc(0);
  let length = 0;
  socket.on('data', (bytes: Buffer) => {
    if (length === 0) frame = Buffer.allocUnsafeSlow(HEADER_BYTES + bytes.readUInt32BE());
    length += bytes.copy(frame, length);
    if (length < frame.length) return;
    const text = frame.toString('utf8', HEADER_BYTES);
    const reply = Buffer.allocUnsafeSlow(frame.length);
    reply.writeUInt32BE(Buffer.byteLength(text));
    reply.write(text, HEADER_BYTES);
    socket.write(reply);
    length = 0;
  });
  socket.on('error', () => socket.destroy());
}).listen(port, '127.0.0.1');
