/** The PROXY protocol: a trusted proxy announces the address of its client before the client's first byte. */
import { type BlockList, isIPv6 } from 'node:net';

import { hexBytes } from '@knock/shared/log/excerpt';
import type { Logger } from '@knock/shared/log/log';

import { MIN_DRAIN_MS } from '../drain.ts';
import type { ServerSettings } from '../settings.ts';
import type { Denial } from './admission.ts';
import type { CloseReason, TimeoutReason } from './close-reason.ts';
import type { ConnectionHandler } from './connection-handler.ts';
import type { Connection } from './connection.ts';
import { type ParsedProxyHeader, parseProxyHeader, type ProxyHeader } from './proxy-header.ts';

const NEEDS_HEADER: Denial = {
  reason: 'proxy_error',
  code: 'bad_frame',
  detail: 'the connection must begin with a PROXY header (TRUSTED_PROXIES): without one only probes are answered',
};

export class ProxyProtocol {
  readonly #trusted: BlockList;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  /** Local connections without a header. */
  readonly #probesOnly = new WeakSet<Connection>();

  constructor(
    trusted: BlockList,
    { FIRST_BYTE_TIMEOUT_MS }: Pick<ServerSettings, 'FIRST_BYTE_TIMEOUT_MS'>,
    logger: Logger,
  ) {
    this.#trusted = trusted;
    this.#logger = logger;
    this.#timeoutMs = FIRST_BYTE_TIMEOUT_MS;
  }

  /** Whether this new connection comes from a trusted proxy, and so must begin with a header. */
  isTrusted({ peer: { address } }: Connection): boolean {
    return this.#trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  /** Reads the header, then calls `onHeader` with the bytes behind it. Without a valid header the connection is closed. */
  readHeader(connection: Connection, onHeader: (rest: Buffer) => void): void {
    new ProxyHeaderReader(connection, {
      timeoutMs: this.#timeoutMs,
      onHeader: ({ version, length, client }, head) => {
        this.#announce(connection, version, client);
        onHeader(head.subarray(length));
      },
      onError: (error, head) => {
        // The health check of this machine talks to the server directly.
        if (error === 'missing' && connection.peer.isLocal) {
          this.#probesOnly.add(connection);
          onHeader(head);
        } else {
          this.#logError(connection, error, head);
          connection.closeGracefully('proxy_error');
        }
      },
    }).start();
  }

  /** Why this client, whose protocol is known, is not served; undefined: it is served. */
  denialFor(connection: Connection): Denial | undefined {
    return this.#probesOnly.has(connection) ? NEEDS_HEADER : undefined;
  }

  #announce(connection: Connection, version: number, client: ProxyHeader['client']): void {
    const { id, peer } = connection;
    const { address: proxy } = peer;
    if (client) peer.announce(client);
    this.#logger.debug(
      { connection: id, proxy, ...client },
      `proxy ${proxy} announces ${client ? `client ${client.address}` : 'no client'} (PROXY v${version})`,
    );
  }

  #logError(connection: Connection, error: HeaderError, head: Buffer): void {
    const { id, peer } = connection;
    const { address } = peer;
    const [what, advice] = describe(error, address);
    const fields = { connection: id, address, bytes: hexBytes(head.subarray(0, 16)) };
    this.#logger.warn(fields, `${what} from ${address}, a trusted proxy (TRUSTED_PROXIES): ${advice}`);
  }
}

type HeaderError = Extract<ParsedProxyHeader, 'missing' | 'partial' | { malformed: string }>;

/** What is wrong, and what to do. */
function describe(error: HeaderError, address: string): [string, string] {
  if (error === 'missing') {
    const advice = `let it send one, in its health checks too (HAProxy: send-proxy-v2 check-send-proxy), or remove ${address}`;
    return ['no PROXY header', advice];
  }
  if (error === 'partial') return ['an incomplete PROXY header', 'the proxy must send all of it before anything else'];
  return [`a malformed PROXY header (${error.malformed})`, 'version 1 and version 2 of the protocol are supported'];
}

interface ReaderOptions {
  /** For the whole header, in ms. */
  timeoutMs: number;
  /** `head`: all bytes so far; those of the client follow the header. */
  onHeader: (header: ProxyHeader, head: Buffer) => void;
  onError: (error: HeaderError, head: Buffer) => void;
}

/** Owns a connection until its header is complete. */
class ProxyHeaderReader implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #options: ReaderOptions;
  #head = Buffer.alloc(0);

  constructor(connection: Connection, options: ReaderOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  start(): void {
    this.#connection.eventHandler = this;
    this.#connection.deadline.start('first_byte_timeout', this.#options.timeoutMs);
  }

  onData(bytes: Buffer): void {
    this.#head = Buffer.concat([this.#head, bytes]);
    const parsed = parseProxyHeader(this.#head);
    if (parsed === 'partial') return;
    if (parsed === 'missing' || 'malformed' in parsed) this.#options.onError(parsed, this.#head);
    else this.#options.onHeader(parsed, this.#head);
  }

  /** A proxy may probe with a connection that it only opens and closes. */
  onEnd(): void {
    this.#end('client_closed');
  }

  onTimeout(reason: TimeoutReason): void {
    if (reason === 'drain_grace') this.deny('drained');
    else this.#end(reason);
  }

  /** No client to say goodbye to yet: it gets `MIN_DRAIN_MS` to show its protocol. */
  shutdown(): void {
    this.#connection.deadline.start('drain_grace', MIN_DRAIN_MS);
  }

  deny(reason: CloseReason): void {
    this.#connection.closeGracefully(reason);
  }

  #end(reasonWithoutBytes: CloseReason): void {
    if (this.#head.length === 0) this.#connection.closeGracefully(reasonWithoutBytes);
    else this.#options.onError('partial', this.#head);
  }
}
