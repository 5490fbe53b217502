/** A client for tests: sends the very bytes that it is told to, and keeps all that comes back. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A message as a frame, made by hand, so that the codec is not tested against itself. */
export function frame(text: string, kind = 0): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(payload.length);
  header[0] = kind;
  return Buffer.concat([header, payload]);
}

export const GOAWAY = frame('', 2);

export class RawClient {
  readonly socket: Socket;
  /** The error that ended the connection, if one did: a reset, for example. */
  error: NodeJS.ErrnoException | undefined;
  #chunks: Buffer[] = [];
  readonly #closed: Promise<unknown>;

  static async to(port: number, host = '127.0.0.1'): Promise<RawClient> {
    const socket = connect({ port, host, noDelay: true, allowHalfOpen: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  constructor(socket: Socket) {
    this.socket = socket;
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('data', (bytes) => this.#chunks.push(bytes as Buffer));
    socket.on('end', () => socket.end());
    socket.on('error', (error) => (this.error = error));
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  send(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  /** Sends each byte as a packet of its own. */
  async drip(bytes: Buffer | string): Promise<void> {
    for (const byte of Buffer.from(bytes)) {
      this.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
  }

  /** Closes this side, after `bytes`. */
  end(bytes: Buffer | string = ''): void {
    this.socket.end(bytes);
  }

  /** Resolves with all that was received, once it holds `expected`; rejects if the connection ends before. */
  async until(expected: Buffer | string): Promise<Buffer> {
    while (!this.received.includes(expected)) {
      if (this.socket.readableEnded || this.socket.destroyed) {
        throw new Error(
          `the connection ended before ${JSON.stringify(expected.toString())}: ${this.received.toString()}`,
        );
      }
      const waiting = new AbortController();
      const something = (event: string) => once(this.socket, event, { signal: waiting.signal });
      await Promise.race([something('data'), something('end'), this.#closed]);
      // Those that did not come would listen on.
      waiting.abort();
    }
    return this.received;
  }

  /** Resolves with all that was received, once the connection has ended on both sides. */
  async closed(): Promise<Buffer> {
    await this.#closed;
    return this.received;
  }
}
