import { Duplex } from 'node:stream';

/** How a client ends: it closes its side, it breaks off, or it stays and does nothing more. */
export type Ending = 'closes' | 'resets' | 'stays';

/** Told of whatever happens on a socket. */
export interface SocketObserver {
  happen(): void;
  /** The server threw when it was handed what came. */
  fail(error: unknown): void;
}

/** The server's end of a connection: as much of a socket as the server and Node's HTTP look at. */
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
    // As the server's own listener makes its sockets.
    super({ allowHalfOpen: true, highWaterMark: 1 });
    this.#witness = witness;
  }

  get said(): Buffer {
    return Buffer.concat(this.#said);
  }

  /** What the client does, when the server gets to read it. */
  send(what: Buffer | Ending): void {
    this.#coming.push(what);
    if (this.#asked) this.#ask();
  }

  setTimeout(ms: number): this {
    clearTimeout(this.#timeout);
    this.#timeout = ms > 0 ? setTimeout(() => this.emit('timeout'), ms) : undefined;
    return this;
  }

  /** One piece in a turn, and only when it is asked for, as from a kernel. */
  override _read(): void {
    this.#ask();
  }

  #ask(): void {
    this.#asked = this.#coming.length === 0;
    if (!this.#asked) setImmediate(() => this.#arrive(this.#coming.shift()!));
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#witness.happen();
    // As a kernel does: the memory is the server's, and is used again.
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
