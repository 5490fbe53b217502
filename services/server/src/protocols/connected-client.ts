/** What a handler gets to know of the client whose message it answers. */
import type { ClientInfo } from '../handler.ts';
import type { Connection } from '../net/connection.ts';

/** A class, since a plain object with a getter costs 700 bytes for each connection: V8 shares its shape with no other. */
export class ConnectedClient implements ClientInfo {
  readonly id: number;
  readonly address: string;
  readonly protocol: ClientInfo['protocol'];
  readonly #connection: Connection;
  #aborter: AbortController | undefined;

  constructor(connection: Connection) {
    this.id = connection.id;
    this.address = connection.peer.address;
    this.protocol = connection.protocol as ClientInfo['protocol'];
    this.#connection = connection;
  }

  /** Created on demand, since few handlers ask for it. */
  get signal(): AbortSignal {
    this.#aborter ??= this.#createAborter();
    return this.#aborter.signal;
  }

  #createAborter(): AbortController {
    const { socket } = this.#connection;
    const aborter = new AbortController();
    if (socket.destroyed) aborter.abort();
    else socket.once('close', () => aborter.abort());
    return aborter;
  }
}
