/** The accept loop: accepts connections (with half-close), detects the protocol of each, and starts a session. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server as Listener, type Socket } from 'node:net';

import type { Logger } from '@knock/shared/log/log';

import { Drain } from './drain.ts';
import type { Handler } from './handler.ts';
import { messageRoute } from './http/message-route.ts';
import { probeRoutes } from './http/probes.ts';
import { Routes } from './http/routes.ts';
import { LivePage } from './live/assets.ts';
import { LiveFeed } from './live/feed.ts';
import { Admission, type Denial } from './net/admission.ts';
import { Connection } from './net/connection.ts';
import { LISTENER_OPTIONS } from './net/listener-options.ts';
import { PeerNames } from './net/peer-names.ts';
import { PendingWrites } from './net/pending-writes.ts';
import { ProxyProtocol } from './net/proxy-protocol.ts';
import { Tls } from './net/tls.ts';
import type { SessionProtocolName } from './protocols/detect.ts';
import { type Detection, ProtocolDetector } from './protocols/detector.ts';
import { createProtocols } from './protocols/protocols.ts';
import { Session } from './protocols/session.ts';
import type { ServerSettings } from './settings.ts';
import { acceptErrorLog, logSession, logFault, logNoSession } from './telemetry/access-log.ts';
import { Metrics } from './telemetry/metrics.ts';

export interface ServerOptions {
  /** The server's name, in its log and on its page. */
  name: string;
  settings: ServerSettings;
  handler: Handler;
  logger: Logger;
}

/** Resolves once the server listens. Rejects with the system's error (`EADDRINUSE`, `EACCES` …) if it cannot. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const server = new Server(options);
  await server.listen();
  return server;
}

export class Server {
  readonly #options: ServerOptions;
  readonly #listener: Listener;
  readonly #admission: Admission;
  readonly #drain: Drain;
  readonly #peerNames = new PeerNames();
  readonly #metrics: Metrics;
  readonly #liveFeed: LiveFeed;
  /** Undefined: TLS is not configured. */
  readonly #tls: Tls | undefined;
  /** Undefined: no proxy is trusted. */
  readonly #proxyProtocol: ProxyProtocol | undefined;
  readonly #pendingWrites = new PendingWrites();
  readonly #protocols;
  /** Connections are numbered as they are accepted, from 1. */
  #lastId = 0;
  readonly #onFirstMessage = (connection: Connection) => this.#drain.onFirstMessage(connection);

  constructor(options: ServerOptions) {
    const { name, settings, logger } = options;
    this.#options = options;
    this.#listener = createServer(LISTENER_OPTIONS, (socket) => this.#accept(socket));
    this.#admission = new Admission(settings);
    const accepted = () => this.#lastId;
    this.#drain = new Drain({ listener: this.#listener, admission: this.#admission, settings, logger, accepted });
    this.#metrics = new Metrics(this.#admission, accepted);
    this.#liveFeed = new LiveFeed({
      server: name,
      connections: () => this.#admission.connections,
      summary: () => this.#metrics.summary(),
    });
    this.#tls = settings.TLS_CERT_FILE && new Tls(settings, logger);
    this.#proxyProtocol = settings.TRUSTED_PROXIES && new ProxyProtocol(settings.TRUSTED_PROXIES, settings, logger);
    this.#protocols = createProtocols(settings, this.#createRoutes());
  }

  /** Resolves when the last connection has ended: after {@link close}, or after the one client of `ACCEPT=once`. */
  get ended(): Promise<void> {
    return this.#drain.ended;
  }

  /** How many connections are open. */
  get open(): number {
    return this.#admission.open;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    const { HOST, PORT } = this.#options.settings;
    this.#listener.listen({ port: PORT, ...(HOST === undefined ? {} : { host: HOST }) });
    await once(this.#listener, 'listening');
    this.#listener.on('error', acceptErrorLog(this.#options.logger));
  }

  /**
   * Graceful shutdown. New clients are denied, for at least 200 ms and while any client is served. Each connection closes once
   * its complete messages are answered, an idle one of HTTP after 200 ms, and all of them after `DRAIN_TIMEOUT_MS`. Resolves
   * when the last one has ended.
   */
  async close(): Promise<void> {
    if (!this.#drain.draining) this.#liveFeed.announceShutdown();
    this.#drain.begin();
    await this.ended;
  }

  #createRoutes(): Routes {
    const { settings, logger } = this.#options;
    const page = settings.LIVE_PAGE === 'on' ? new LivePage(this.#liveFeed) : undefined;
    const ready = (asker: Connection) => this.#admission.isReady(asker);
    const probes = probeRoutes({ logger, metrics: this.#metrics, ready });
    return new Routes([messageRoute(page?.index), ...probes, ...(page?.routes ?? [])]);
  }

  #accept(socket: Socket): void {
    const connection = new Connection(++this.#lastId, socket, this.#options.settings.WRITE_TIMEOUT_MS, this.#events);
    connection.guard(() => {
      this.#admission.admit(connection);
      if (connection.ending) return;
      if (!this.#proxyProtocol?.isTrusted(connection)) return this.#begin(connection);
      this.#proxyProtocol.readHeader(connection, (rest) => this.#begin(connection, rest));
      return this.#shutdownInDrain(connection);
    });
  }

  /** The client's address is known. `head`: its first bytes, if they came with a PROXY header. */
  #begin(connection: Connection, head?: Buffer): void {
    this.#admission.admitAddress(connection);
    if (connection.ending) return;
    this.#peerNames.assign(connection.peer);
    this.#liveFeed.onOpened(connection);
    this.#detect(connection, head);
  }

  #detect(connection: Connection, head?: Buffer): void {
    const onDetected = (detection: Detection) => this.#onDetected(connection, detection);
    new ProtocolDetector(connection, { ...this.#options, onDetected }).start(head);
    this.#shutdownInDrain(connection);
  }

  #onDetected(connection: Connection, { protocol, head, messageComplete }: Detection): void {
    if (connection.ending) return;
    if (protocol === 'tls' && this.#tls && !connection.inTls) {
      connection.pause();
      this.#tls.startHandshake(connection, head, () => this.#detect(connection));
    } else if (protocol === 'tls' || protocol === 'proxy' || protocol === 'unknown') {
      logNoSession(this.#options.logger, connection, head);
      connection.closeGracefully(NO_SESSION[protocol]);
    } else {
      this.#createSession(connection, protocol).begin(head, messageComplete);
    }
    this.#shutdownInDrain(connection);
  }

  #shutdownInDrain(connection: Connection): void {
    if (this.#drain.draining && !connection.ending) connection.shutdown();
  }

  #createSession(connection: Connection, protocol: SessionProtocolName) {
    const options = {
      ...this.#options,
      handlerLatency: this.#metrics.handlerLatency,
      pendingWrites: this.#pendingWrites,
      denial: this.#denialFor(connection),
      draining: this.#drain.draining,
      onFirstMessage: this.#onFirstMessage,
    };
    // One branch for each type of `Out`.
    if (protocol === 'http') return new Session(connection, this.#protocols.http, options);
    return new Session(connection, this.#protocols[protocol], options);
  }

  #denialFor(connection: Connection): Denial | undefined {
    // TLS comes first: above the limit anybody may send probes, but without TLS or a certificate only this machine may.
    const denial = this.#tls?.denialFor(connection) ?? this.#proxyProtocol?.denialFor(connection);
    return denial ?? this.#admission.denialFor(connection);
  }

  readonly #events = {
    fault: (connection: Connection, fault: unknown) => logFault(this.#options.logger, connection, fault),
    closed: (connection: Connection) => {
      this.#admission.onClosed(connection);
      // Before telemetry: a fault in it must not hold a drain up.
      this.#drain.onClosed();
      this.#metrics.countClosed(connection);
      this.#liveFeed.onClosed(connection);
      logSession(this.#options.logger, connection);
    },
  };
}

/** The close reasons of connections that get no session. */
const NO_SESSION = { tls: 'tls_error', proxy: 'proxy_error', unknown: 'unknown_protocol' } as const;
