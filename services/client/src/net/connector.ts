/** Connects: resolves the server's name, tries its addresses, and waits after failures (exponential backoff, full jitter). */
import { connect, isIP, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';

import type { ClientSettings } from '../settings.ts';
import { abortable } from './abortable.ts';
import { ServerResolver } from './resolver.ts';

type TlsSettings = Pick<ClientSettings, 'SERVER_HOST' | 'TLS_CA_FILE' | 'TLS_CERT_FILE' | 'TLS_KEY_FILE'>;
type ConnectorSettings = Pick<ClientSettings, 'SERVER_PORT' | 'CONNECT_TIMEOUT_MS'> & TlsSettings;

/** The first failure waits up to the base delay, each further one up to twice as long. */
const BASE_DELAY_MS = { soon: 100, later: 1000 };
const MAX_DELAY_MS = 1500;

/** Errors that may pass in a moment: the server is starting, moving or restarting, or its name is not known yet. */
const RETRYABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EADDRNOTAVAIL',
]);

/** Why there is no connection. The message also says what to do. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly retryable: boolean;

  constructor(message: string, { retryable }: { retryable: boolean }) {
    super(message);
    this.retryable = retryable;
  }
}

export class Connector {
  readonly #settings: ConnectorSettings;
  readonly #resolver: ServerResolver;
  /** Failures since the last reply. */
  #failures = 0;
  /** Not before this time, on the clock of `performance.now()`. */
  #nextTryAt = 0;

  constructor(settings: ConnectorSettings) {
    this.#settings = settings;
    this.#resolver = new ServerResolver(settings.SERVER_HOST);
  }

  /** Connects after the backoff delay. Rejects with a {@link ConnectError}, or with the signal's reason. */
  async connect(signal: AbortSignal): Promise<Socket> {
    while (this.#nextTryAt > performance.now()) {
      await sleep(Math.max(1, this.#nextTryAt - performance.now()), undefined, { signal });
    }
    const timedOut = AbortSignal.timeout(this.#settings.CONNECT_TIMEOUT_MS);
    try {
      return await this.#tryAddresses(AbortSignal.any([signal, timedOut]));
    } catch (error) {
      signal.throwIfAborted();
      this.backOff('soon');
      throw this.#explain(timedOut.aborted ? { code: 'ETIMEDOUT' } : (error as NodeJS.ErrnoException));
    }
  }

  /** Delays the next attempt by a random time (full jitter), so that clients do not all reconnect at once. */
  backOff(next: 'soon' | 'later'): void {
    const maxDelay = Math.min(MAX_DELAY_MS, BASE_DELAY_MS[next] * 2 ** this.#failures);
    this.#nextTryAt = performance.now() + Math.random() * maxDelay;
    this.#failures += 1;
  }

  /** A reply came: resets the backoff. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** Resolves the name each time and tries its addresses in random order, so that replicas share the load. */
  async #tryAddresses(signal: AbortSignal): Promise<Socket> {
    const { SERVER_PORT, CONNECT_TIMEOUT_MS } = this.#settings;
    const addresses = shuffle(await this.#resolver.addresses(signal));
    const share = Math.ceil(CONNECT_TIMEOUT_MS / addresses.length);
    const failures: NodeJS.ErrnoException[] = [];
    for (const address of addresses) {
      try {
        const inTime = AbortSignal.any([signal, AbortSignal.timeout(share)]);
        const socket = await openSocket(address, SERVER_PORT, inTime);
        return this.#settings.TLS_CA_FILE ? await startTls(socket, this.#settings, inTime) : socket;
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error as NodeJS.ErrnoException);
      }
    }
    throw failures.find(({ code = 'ETIMEDOUT' }) => RETRYABLE_CODES.has(code)) ?? failures[0]!;
  }

  #explain({ code = '', message }: Partial<NodeJS.ErrnoException>): ConnectError {
    const { SERVER_HOST, SERVER_PORT, TLS_CA_FILE, CONNECT_TIMEOUT_MS } = this.#settings;
    const place = `${SERVER_HOST}:${SERVER_PORT}`;
    const messages: Record<string, string> = {
      ECONNREFUSED: `connection refused by ${place} (ECONNREFUSED): start the server, or set SERVER_HOST and SERVER_PORT`,
      ENOTFOUND: `cannot resolve "${SERVER_HOST}" (${code}): is the server running, and on this network?`,
      ETIMEDOUT: `no connection to ${place} within ${CONNECT_TIMEOUT_MS} ms (CONNECT_TIMEOUT_MS): wrong address, firewall, or overloaded host`,
    };
    if (TLS_CA_FILE)
      messages['ECONNRESET'] =
        `${place} closed the connection during the TLS handshake (ECONNRESET): does it speak TLS? Its log may say more`;
    messages['EAI_AGAIN'] = messages['ENOTFOUND']!;
    const explained = messages[code] ?? explainTls(code) ?? `cannot connect to ${place}: ${message}`;
    return new ConnectError(explained, { retryable: RETRYABLE_CODES.has(code) });
  }
}

/** Connects. Rejects with the system's error. */
async function openSocket(address: string, port: number, signal: AbortSignal): Promise<Socket> {
  // The signal is not passed on: Node would let it destroy the connection even after it was made.
  const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
  await waitFor('connect', socket, signal);
  // TCP self-connect: connecting to a free local port can pick that port as its source, and reach itself.
  if (socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) {
    socket.destroy();
    throw Object.assign(new Error('connected to itself'), { code: 'ECONNREFUSED' });
  }
  return socket;
}

/** Upgrades to TLS and checks the server's certificate. Rejects with OpenSSL's error. */
async function startTls(socket: Socket, settings: TlsSettings, signal: AbortSignal): Promise<Socket> {
  const { SERVER_HOST, TLS_CA_FILE, TLS_CERT_FILE, TLS_KEY_FILE } = settings;
  const tlsSocket = connectTls({
    socket,
    ca: TLS_CA_FILE?.pem,
    cert: TLS_CERT_FILE?.pem,
    key: TLS_KEY_FILE?.pem,
    host: SERVER_HOST,
    // SNI takes host names only, no IP addresses (RFC 6066 section 3).
    ...(isIP(SERVER_HOST) === 0 ? { servername: SERVER_HOST } : {}),
  });
  await waitFor('secureConnect', tlsSocket, signal);
  return tlsSocket;
}

/** Resolves when the socket emits the event; on an error or an abort destroys it and rejects. */
async function waitFor(event: 'connect' | 'secureConnect', socket: Socket, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once(event, resolve);
  // This listener stays: an 'error' event without one would crash the program.
  socket.on('error', reject);
  try {
    await abortable(promise, signal);
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }) : error;
  }
}

/** What the code of a failed TLS handshake means, and what to do. */
function explainTls(code: string): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the server's certificate is not for SERVER_HOST (${code}): set SERVER_HOST to a name in the certificate`;
  if (code === 'CERT_HAS_EXPIRED') return `the server's certificate has expired (${code}): renew it on the server`;
  if (/SELF_SIGNED|UNABLE_TO|CERT_/.test(code))
    return `the server's certificate is not trusted (${code}): is TLS_CA_FILE the CA that signed it?`;
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO')
    return `TLS handshake failed (${code}): does the server speak TLS on this port?`;
  return undefined;
}

function shuffle<Item>(items: Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
