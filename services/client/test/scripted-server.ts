/** A server for tests that follows a script, valid or not. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** Encodes a frame by hand, so that the codec is not tested against itself. */
export function frame(text: string, kind = 0): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(payload.length);
  header[0] = kind;
  return Buffer.concat([header, payload]);
}

export const errorReply = (text: string) => frame(text, 1);
export const GOAWAY = frame('', 2);

/** Calls `listener` with each message of a stream of frames. */
export function onMessage(socket: Socket, listener: (message: string) => void): void {
  let unread = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    unread = Buffer.concat([unread, bytes]);
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE()) {
      const end = 4 + unread.readUInt32BE();
      const message = unread.toString('utf8', 4, end);
      unread = unread.subarray(end);
      listener(message);
    }
  });
}

export interface Scripted extends AsyncDisposable {
  port: number;
  /** How many connections it has accepted. */
  accepted: number;
}

/** `serve` gets each connection and its number, from 1. `port`: any free one by default. */
export async function scripted(serve: (socket: Socket, nth: number) => void, port = 0): Promise<Scripted> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    scriptedServer.accepted += 1;
    serve(socket, scriptedServer.accepted);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const scriptedServer: Scripted = {
    port: (server.address() as AddressInfo).port,
    accepted: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return scriptedServer;
}
