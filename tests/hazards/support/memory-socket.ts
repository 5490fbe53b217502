import { Duplex } from 'node:stream';

/** A client's ending: half-close, reset, or staying connected. */
export type Ending = 'closes' | 'resets' | 'stays';

/** Observes all events of a socket. */
export interface SocketObserver {
  happen(): void;
  /** The server threw while it handled input. */
  fail(error: unknown): void;
}

/** The server's end of a connection: the parts of a socket that the server uses. */
export class MemorySocket extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  bytesRead = 0;
  bytesWritten = 0;
  readonly #witness: SocketObserver;
  readonly #coming: (Buffer | Ending)[] = [];
  readonly #said: Buffer[] = [];
  #asked = false;
  #timeout: NodeJS.Timeout | undefined;

  constructor(witness: SocketObserver) {
    // The options of the server's listener.
    super({ allowHalfOpen: true, highWaterMark: 1 });
    this.#witness = witness;
  }

  get said(): Buffer {
    return Buffer.concat(this.#said);
  }

  /** Queues bytes or an ending from the client. */
  send(what: Buffer | Ending): void {
    this.#coming.push(what);
    if (this.#asked) this.#ask();
  }

  setTimeout(ms: number): this {
    clearTimeout(this.#timeout);
    this.#timeout = ms > 0 ? setTimeout(() => this.emit('timeout'), ms) : undefined;
    return this;
  }

  /** One piece per turn, and only on a read, as from a kernel. */
  override _read(): void {
    this.#ask();
  }

  #ask(): void {
    this.#asked = this.#coming.length === 0;
    if (!this.#asked) setImmediate(() => this.#arrive(this.#coming.shift()!));
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#witness.happen();
    // As with a kernel: the server owns the buffer, and reuses it.
    this.#said.push(Buffer.from(bytes));
    this.bytesWritten += bytes.length;
    done();
  }

  override _final(done: () => void): void {
    this.#witness.happen();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#witness.happen();
    this.setTimeout(0);
    done(error);
  }

  #arrive(what: Buffer | Ending): void {
    this.#witness.happen();
    if (this.destroyed || what === 'stays') return;
    try {
      if (Buffer.isBuffer(what)) {
        this.bytesRead += what.length;
        this.push(what);
      } else if (what === 'closes') {
        this.push(null);
      } else {
        this.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
      }
    } catch (error) {
      this.#witness.fail(error);
    }
  }
}
