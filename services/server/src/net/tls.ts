/**
 * TLS termination, on the same port: inside TLS the protocol is detected once more.
 *
 * The Node internals we rely on are all in this file, because `node:tls` has no public way: `_parent` of a TLSSocket, and the
 * high-water marks of its two stream states. `tests/e2e/tls.test.ts` fails if they change: without `_parent` all of it,
 * without the marks its tests of clients that do not read.
 */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';

import type { Logger } from '@knock/shared/log/log';

import { MIN_DRAIN_MS } from '../drain.ts';
import type { ServerSettings } from '../settings.ts';
import type { Denial } from './admission.ts';
import type { CloseReason, TimeoutReason } from './close-reason.ts';
import type { ConnectionHandler } from './connection-handler.ts';
import type { Connection } from './connection.ts';

type TlsSettings = Pick<ServerSettings, 'TLS_CERT_FILE' | 'TLS_KEY_FILE' | 'TLS_CA_FILE' | 'TLS'>;

/** Disables Node's own handshake timeout: the connection's deadline covers the handshake. */
const NEVER_MS = 2 ** 31 - 1;

const NEEDS_TLS: Denial = {
  reason: 'tls_error',
  code: 'tls',
  detail: 'TLS required: connect with TLS, or use https:// in a browser',
};
const NEEDS_CERTIFICATE: Denial = {
  reason: 'tls_error',
  code: 'tls',
  detail: "client certificate required: present a valid one signed by the server's CA",
};

export class Tls {
  readonly #required: boolean;
  readonly #logger: Logger;
  /** Never listens: it gets the sockets on which a TLS handshake was detected. */
  readonly #server: Server;
  readonly #handshakes = new WeakMap<Socket, TlsHandshake>();
  readonly #asksForCertificate: boolean;
  /** Clients inside TLS without a valid certificate. */
  readonly #unauthorized = new WeakSet<Connection>();

  constructor({ TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE, TLS }: TlsSettings, logger: Logger) {
    this.#required = TLS !== 'optional';
    this.#logger = logger;
    this.#asksForCertificate = TLS_CA_FILE !== undefined;
    this.#server = createServer({
      cert: TLS_CERT_FILE?.pem,
      key: TLS_KEY_FILE?.pem,
      // No session tickets: a resumed session presents no certificate, and Node does not ask again.
      ...(TLS_CA_FILE ? { ca: TLS_CA_FILE.pem, requestCert: true, secureOptions: constants.SSL_OP_NO_TICKET } : {}),
      // Node would close the connection without an error; instead the client gets one in its own protocol, inside TLS.
      rejectUnauthorized: false,
      handshakeTimeout: NEVER_MS,
    });
    this.#server.on('secureConnection', (socket) => this.#handshakeOf(socket)?.succeed(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#handshakeOf(socket)?.fail(error));
  }

  /**
   * Starts the handshake on a paused socket whose first bytes, `head`, were already read. Calls `onSecure` once the
   * connection is inside TLS.
   */
  startHandshake(connection: Connection, head: Buffer, onSecure: () => void): void {
    const { socket } = connection;
    const handshake = new TlsHandshake(connection, this.#logger, (tlsSocket) => {
      if (this.#asksForCertificate && !tlsSocket.authorized) this.#unauthorized.add(connection);
      onSecure();
    });
    this.#handshakes.set(socket, handshake);
    handshake.begin();
    // A client that ends its side during the handshake has given up; Node would wait for more.
    socket.allowHalfOpen = false;
    socket.unshift(head);
    this.#server.emit('connection', socket);
  }

  /** Why this client, whose protocol is known, is not served; undefined: it is served. */
  denialFor(connection: Connection): Denial | undefined {
    if (this.#unauthorized.has(connection)) return NEEDS_CERTIFICATE;
    return this.#required && !connection.inTls ? NEEDS_TLS : undefined;
  }

  #handshakeOf(tlsSocket: TLSSocket): TlsHandshake | undefined {
    // oxlint-disable-next-line no-underscore-dangle
    return this.#handshakes.get((tlsSocket as unknown as Internals)._parent);
  }
}

interface Internals {
  /** The raw socket that carries TLS. */
  _parent: Socket;
  _readableState: { highWaterMark: number };
  _writableState: { highWaterMark: number };
}

/** The same options as the listener's sockets: a paused stream stops reading, and 'drain' follows every write that waited. */
function withListenerOptions(tlsSocket: TLSSocket): TLSSocket {
  const { _readableState, _writableState } = tlsSocket as unknown as Internals;
  for (const state of [_readableState, _writableState]) state.highWaterMark = 1;
  tlsSocket.allowHalfOpen = true;
  return tlsSocket;
}

/** Owns a connection during its handshake; the message timeout keeps running. */
class TlsHandshake implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #logger: Logger;
  readonly #onSecure: (tlsSocket: TLSSocket) => void;

  constructor(connection: Connection, logger: Logger, onSecure: (tlsSocket: TLSSocket) => void) {
    this.#connection = connection;
    this.#logger = logger;
    this.#onSecure = onSecure;
  }

  begin(): void {
    const { socket } = this.#connection;
    this.#connection.eventHandler = this;
    // Runs before the connection's own listener, which would record `client_closed`.
    socket.prependOnceListener('close', this.#onClose);
  }

  succeed(tlsSocket: TLSSocket): void {
    if (this.#connection.ending) return;
    this.detach();
    this.#connection.upgradeToTls(withListenerOptions(tlsSocket));
    this.#connection.guard(() => this.#onSecure(tlsSocket));
  }

  fail({ code = 'no reason given' }: NodeJS.ErrnoException): void {
    const { id, peer, closeReason = 'tls_error' } = this.#connection;
    // We ended it ourselves: a timeout or a drain.
    if (closeReason !== 'tls_error') return;
    const advice = adviceFor(code);
    this.#logger.warn(
      { connection: id, address: peer.address, code },
      `TLS handshake failed (${code}) for ${peer.who}${advice}`,
    );
  }

  onTimeout(reason: TimeoutReason): void {
    this.#connection.destroy(reason === 'drain_grace' ? 'drained' : reason);
  }

  /** No protocol yet in which to say goodbye. The client gets `MIN_DRAIN_MS` to complete its handshake. */
  shutdown(): void {
    this.#connection.deadline.start('drain_grace', MIN_DRAIN_MS);
  }

  deny(reason: CloseReason): void {
    this.#connection.destroy(reason);
  }

  detach(): void {
    this.#connection.socket.off('close', this.#onClose);
  }

  readonly #onClose = () => this.#connection.destroy('tls_error');
}

/** What to do, where OpenSSL's code shows it. */
function adviceFor(code: string): string {
  if (code.includes('UNKNOWN_CA')) return ': it does not trust the certificate; give it the CA that signed it';
  if (code.includes('CERTIFICATE_EXPIRED')) return ': the certificate has expired; renew it';
  if (code === 'ECONNRESET') return ': it closed the connection; it may not trust the certificate';
  if (code.includes('VERSION') || code.includes('PROTOCOL')) return ': TLS 1.2 or newer is required';
  return '';
}
