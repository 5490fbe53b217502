/** Finds the server: looks its name up, tries its addresses, and waits between failures. */
import { connect, isIP, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';

import type { ClientSettings } from '../settings.ts';
import { abortable } from './abortable.ts';
import { ServerResolver } from './resolver.ts';

type TlsSettings = Pick<ClientSettings, 'SERVER_HOST' | 'TLS_CA_FILE' | 'TLS_CERT_FILE' | 'TLS_KEY_FILE'>;
type ConnectorSettings = Pick<ClientSettings, 'SERVER_PORT' | 'CONNECT_TIMEOUT_MS'> & TlsSettings;

const BASE_DELAY_MS = { soon: 100, later: 1000 };
const MAX_DELAY_MS = 1500;

/** What may be over in a moment: the server starts, moves, or has just gone; a name is not known yet. */
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

/** There is no connection, and here is why, in a sentence that says what to do. */
export class ConnectError extends Error {
  override readonly name = 'DialError';
  readonly retryable: boolean;

  constructor(sentence: string, { retryable }: { retryable: boolean }) {
    super(sentence);
    this.retryable = retryable;
  }
}

export class Connector {
  readonly #settings: ConnectorSettings;
  readonly #resolver: ServerResolver;
  /** Failures since the last reply, and when the next connection may be tried. */
  #failures = 0;
  #nextTryAt = 0;

  constructor(settings: ConnectorSettings) {
    this.#settings = settings;
    this.#resolver = new ServerResolver(settings.SERVER_HOST);
  }

  /** Connects when it is time. Rejects with a {@link ConnectError}, or with the signal's reason. */
  async connect(signal: AbortSignal): Promise<Socket> {
    while (this.#nextTryAt > performance.now()) {
      await sleep(Math.max(1, this.#nextTryAt - performance.now()), undefined, { signal });
    }
    const tooLate = AbortSignal.timeout(this.#settings.CONNECT_TIMEOUT_MS);
    try {
      return await this.#tryAddresses(AbortSignal.any([signal, tooLate]));
    } catch (error) {
      signal.throwIfAborted();
      this.backOff('soon');
      throw this.#explain(tooLate.aborted ? { code: 'ETIMEDOUT' } : (error as NodeJS.ErrnoException));
    }
  }

  /** Something went wrong: the next try comes after a random time, so that clients do not all come back together. */
  backOff(next: 'soon' | 'later'): void {
    const longest = Math.min(MAX_DELAY_MS, BASE_DELAY_MS[next] * 2 ** this.#failures);
    this.#nextTryAt = performance.now() + Math.random() * longest;
    this.#failures += 1;
  }

  /** A reply came: whatever was wrong is over. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** The name is looked up again each time and its addresses come in random order, so that replicas share the load. */
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
    const { SERVER_HOST, SERVER_PORT, TLS_CA_FILE } = this.#settings;
    const place = `${SERVER_HOST}:${SERVER_PORT}`;
    const sentences: Record<string, string> = {
      ECONNREFUSED: `nobody listens at ${place}: start the server, or set SERVER_HOST and SERVER_PORT`,
      ENOTFOUND: `nobody answers to the name "${SERVER_HOST}": is the server running, and on this network? SERVER_HOST sets another`,
      ETIMEDOUT: `no connection to ${place} in time: is it the right address, and is the server awake?`,
    };
    if (TLS_CA_FILE)
      sentences['ECONNRESET'] = `${place} ended the TLS handshake: does it speak TLS? Its log may say more`;
    sentences['EAI_AGAIN'] = sentences['ENOTFOUND']!;
    const sentence = sentences[code] ?? explainTls(code) ?? `no connection to ${place}: ${message}`;
    return new ConnectError(sentence, { retryable: RETRYABLE_CODES.has(code) });
  }
}

/** Connects. Rejects with the system's error. */
async function openSocket(address: string, port: number, signal: AbortSignal): Promise<Socket> {
  // Without the signal: Node would end the connection by it long after it was made.
  const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
  await reached('connect', socket, signal);
  // A connect to a port of this machine on which nobody listens can meet itself in the middle, and be its own server.
  if (socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) {
    socket.destroy();
    throw Object.assign(new Error('connected to itself'), { code: 'ECONNREFUSED' });
  }
  return socket;
}

/** Goes on inside TLS, where the server's certificate is good. Rejects with OpenSSL's error. */
async function startTls(socket: Socket, settings: TlsSettings, signal: AbortSignal): Promise<Socket> {
  const { SERVER_HOST, TLS_CA_FILE, TLS_CERT_FILE, TLS_KEY_FILE } = settings;
  const tlsSocket = connectTls({
    socket,
    ca: TLS_CA_FILE?.pem,
    cert: TLS_CERT_FILE?.pem,
    key: TLS_KEY_FILE?.pem,
    host: SERVER_HOST,
    // An address is no name that may be asked for (RFC 6066 section 3).
    ...(isIP(SERVER_HOST) === 0 ? { servername: SERVER_HOST } : {}),
  });
  await reached('secureConnect', tlsSocket, signal);
  return tlsSocket;
}

/** Resolves when the socket has come so far; else destroys it. */
async function reached(event: 'connect' | 'secureConnect', socket: Socket, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once(event, resolve);
  // Stays, since an error that nobody listens for would end the program.
  socket.on('error', reject);
  try {
    await abortable(promise, signal);
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? Object.assign(new Error('it took too long'), { code: 'ETIMEDOUT' }) : error;
  }
}

/** What a failed handshake means, by its code. */
function explainTls(code: string): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return "the server's certificate is for another name than SERVER_HOST: set SERVER_HOST to one that it holds";
  if (code === 'CERT_HAS_EXPIRED') return "the server's certificate is out of date: the server needs a new one";
  if (/SELF_SIGNED|UNABLE_TO|CERT_/.test(code))
    return `TLS_CA_FILE does not vouch for the server's certificate (${code}): is it the CA that made it?`;
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO')
    return `the server does not speak TLS as this client does (${code}): is TLS set on both ends?`;
  return undefined;
}

function shuffle<Item>(items: Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
