/** The other end of a connection: who the client is, and where. */
import type { Socket } from 'node:net';

import { isLoopback } from '@knock/shared/replica-names';

export class Peer {
  /** The client's address as a trusted proxy announced it, else that of the other end of the socket. */
  address: string;
  /** Undefined if the client was gone before we accepted it. */
  port: number | undefined;
  /** A trusted proxy announced the client. */
  viaProxy = false;
  /** The client's host name, once it was looked up. */
  name: string | undefined;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    // A socket for both families shows an IPv4 client as ::ffff:192.0.2.1.
    this.address = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
    this.port = socket.remotePort;
  }

  /** The client as logs name it. */
  get who(): string {
    return this.name ?? this.address;
  }

  /** Whether the client is on this machine, which no announced address can claim. */
  get isLocal(): boolean {
    const { remoteAddress, localAddress = '' } = this.#socket;
    return !this.viaProxy && (isLoopback(this.address) || remoteAddress === localAddress);
  }

  /** A trusted proxy announced its client. */
  announce({ address, port }: { address: string; port: number }): void {
    this.address = address;
    this.port = port;
    this.viaProxy = true;
  }
}
