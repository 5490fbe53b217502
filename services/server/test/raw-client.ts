/** A client for tests: sends exact bytes, and keeps everything that comes back. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Encodes a frame by hand, so that the codec is not tested against itself. */
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
  /** The error that ended the connection, such as a reset. */
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

  /** Sends each byte in its own packet. */
  async drip(bytes: Buffer | string): Promise<void> {
    for (const byte of Buffer.from(bytes)) {
      this.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
  }

  /** Sends `bytes`, then half-closes. */
  end(bytes: Buffer | string = ''): void {
    this.socket.end(bytes);
  }

  /** Resolves with everything received, once it holds `expected`; rejects if the connection ends first. */
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
      // Removes the listeners of events that did not come.
      waiting.abort();
    }
    return this.received;
  }

  /** Resolves with everything received, once both sides have closed. */
  async closed(): Promise<Buffer> {
    await this.#closed;
    return this.received;
  }
}
