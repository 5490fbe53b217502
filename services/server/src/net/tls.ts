/**
 * TLS, terminated at the same port: inside it the same protocols.
 *
 * The Node internals that we rely on are all here, since `node:tls` gives no other way: `_parent` of a TLSSocket, and the
 * high-water marks of its two states. If they change, `tests/e2e/tls.test.ts` fails (all of it without `_parent`; the tests of
 * clients that do not read without the marks).
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

/** A handshake is under the timeout of its connection; Node's own has to be longer than any. */
const NEVER_MS = 2 ** 31 - 1;

const NEEDS_TLS: Denial = {
  reason: 'tls_error',
  code: 'tls',
  detail: 'this server speaks TLS only: connect with TLS, or with https:// in a browser',
};
const NEEDS_CERTIFICATE: Denial = {
  reason: 'tls_error',
  code: 'tls',
  detail:
    'this server serves only clients that show a certificate for which its CA vouches: show one that is valid now',
};

export class Tls {
  readonly #required: boolean;
  readonly #logger: Logger;
  /** Never listens: it is handed the sockets on which a TLS handshake was detected. */
  readonly #server: Server;
  readonly #handshakes = new WeakMap<Socket, TlsHandshake>();
  readonly #asksForCertificate: boolean;
  /** Clients inside TLS whose certificate is not good enough. */
  readonly #unauthorized = new WeakSet<Connection>();

  constructor({ TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE, TLS }: TlsSettings, logger: Logger) {
    this.#required = TLS !== 'optional';
    this.#logger = logger;
    this.#asksForCertificate = TLS_CA_FILE !== undefined;
    this.#server = createServer({
      cert: TLS_CERT_FILE?.pem,
      key: TLS_KEY_FILE?.pem,
      // Without tickets: a session that is resumed shows no certificate, and Node asks for none again.
      ...(TLS_CA_FILE ? { ca: TLS_CA_FILE.pem, requestCert: true, secureOptions: constants.SSL_OP_NO_TICKET } : {}),
      // Node would hang up without a word; a client without a certificate is told inside, in its protocol.
      rejectUnauthorized: false,
      handshakeTimeout: NEVER_MS,
    });
    this.#server.on('secureConnection', (socket) => this.#handshakeOf(socket)?.succeed(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#handshakeOf(socket)?.fail(error));
  }

  /**
   * Starts the handshake with a client whose first bytes, `head`, were read from a socket that is paused now. `onSecure` is told
   * when its connection goes on inside TLS.
   */
  startHandshake(connection: Connection, head: Buffer, onSecure: () => void): void {
    const { socket } = connection;
    const handshake = new TlsHandshake(connection, this.#logger, (tlsSocket) => {
      if (this.#asksForCertificate && !tlsSocket.authorized) this.#unauthorized.add(connection);
      onSecure();
    });
    this.#handshakes.set(socket, handshake);
    handshake.begin();
    // An end of the stream before the handshake's is the end of it; Node would wait for more.
    socket.allowHalfOpen = false;
    socket.unshift(head);
    this.#server.emit('connection', socket);
  }

  /** Why this client, whose protocol is known, is not served; undefined: it is. */
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
  /** The socket inside which a TLSSocket was made. */
  _parent: Socket;
  _readableState: { highWaterMark: number };
  _writableState: { highWaterMark: number };
}

/** As the listener makes its sockets: what is paused must stop reading, and 'drain' must follow every write that had to wait. */
function withListenerOptions(tlsSocket: TLSSocket): TLSSocket {
  const { _readableState, _writableState } = tlsSocket as unknown as Internals;
  for (const state of [_readableState, _writableState]) state.highWaterMark = 1;
  tlsSocket.allowHalfOpen = true;
  return tlsSocket;
}

/** Handles a connection during its handshake; the timeout of its first message runs on meanwhile. */
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
    this.#connection.handler = this;
    // Before the connection's own listener, which would say that the client left.
    socket.prependOnceListener('close', this.#onClose);
  }

  succeed(tlsSocket: TLSSocket): void {
    if (this.#connection.ending) return;
    this.detach();
    this.#connection.upgradeToTls(withListenerOptions(tlsSocket));
    this.#connection.guard(() => this.#onSecure(tlsSocket));
  }

  fail({ code = 'no reason given' }: NodeJS.ErrnoException): void {
    const { id, who, address, closeReason = 'tls_error' } = this.#connection;
    // It was ended here: its time was over, or the server leaves.
    if (closeReason !== 'tls_error') return;
    const advice = adviceFor(code);
    this.#logger.warn({ connection: id, address, code }, `${who} failed to shake hands for TLS: ${code}${advice}`);
  }

  onTimeout(reason: TimeoutReason): void {
    this.#connection.destroy(reason === 'drain_timeout' ? 'drained' : reason);
  }

  /** There are no words for it before hands were shaken; a client that has just come may be about to end it. */
  shutdown(): void {
    this.#connection.deadline.start('drain_timeout', MIN_DRAIN_MS);
  }

  deny(reason: CloseReason): void {
    this.#connection.destroy(reason);
  }

  detach(): void {
    this.#connection.socket.off('close', this.#onClose);
  }

  readonly #onClose = () => this.#connection.destroy('tls_error');
}

/** What to do about it, as far as OpenSSL's code tells. */
function adviceFor(code: string): string {
  if (code.includes('UNKNOWN_CA')) return '; it does not trust the certificate: give it the CA that vouches for it';
  if (code.includes('CERTIFICATE_EXPIRED')) return '; the certificate is out of date: make a new one';
  if (code === 'ECONNRESET') return '; it hung up: perhaps it does not trust the certificate';
  if (code.includes('VERSION') || code.includes('PROTOCOL')) return '; TLS 1.2 is the least that is spoken here';
  return '';
}
