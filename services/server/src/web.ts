/** The web server: the same handler behind HTTP. Node's own server reads the protocol; here are the routes. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';

import { CodecError } from '@knock/shared/codec';
import type { Logger } from '@knock/shared/log';
import type { Unread } from '@knock/shared/unread';
import { assertWellFormed, decodeUtf8 } from '@knock/shared/utf8';

import { MAX_UNSENT_BYTES } from './capacity.ts';
import { callerOf, type Connection } from './connection.ts';
import { MAX_REQUEST_LINE_BYTES } from './detect.ts';
import type { Handler } from './handler.ts';
import { isAllowedHost } from './hosts.ts';
import type { ServerSettings } from './settings.ts';
import { type Answer, WebConversation } from './web-conversation.ts';

export interface WebOptions {
  settings: ServerSettings;
  handler: Handler;
  logger: Logger;
  /** Why this caller is not served, in a sentence; undefined: it is. */
  turnedAway(connection: Connection): string | undefined;
  /** Whether new callers are welcome, for load balancers. */
  ready(): boolean;
  /** A request came that is no probe. */
  served(connection: Connection): void;
}

/** How often Node looks for requests that take too long; at its own 30 s they would live four times as long. */
const SWEEP_MS = 500;

const MESSAGE_METHODS = ['GET', 'HEAD', 'POST'];
const PROBE_METHODS = ['GET', 'HEAD'];
const PROBES = ['/healthz', '/readyz'];

export class Web {
  /** Owns the listening socket: a server that never listens never looks at its clocks either (nodejs/node#48611). */
  readonly server: Server;
  readonly #options: WebOptions;
  readonly #conversations = new WeakMap<Socket, WebConversation>();
  readonly #serveHttp: (this: Server, socket: Socket) => void;

  constructor(options: WebOptions) {
    this.#options = options;
    const { MESSAGE_TIMEOUT_MS, IDLE_TIMEOUT_MS } = options.settings;
    this.server = createServer({
      connectionsCheckingInterval: SWEEP_MS,
      headersTimeout: MESSAGE_TIMEOUT_MS,
      requestTimeout: MESSAGE_TIMEOUT_MS,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      maxHeaderSize: MAX_REQUEST_LINE_BYTES,
      // Node's own refusal has no sentence; ours has.
      requireHostHeader: false,
      highWaterMark: MAX_UNSENT_BYTES,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 15_000,
    });
    // Not in Node's types: callers may close their side and still read the response.
    Object.assign(this.server, { httpAllowHalfOpen: true });
    this.#serveHttp = this.server.listeners('connection')[0] as (socket: Socket) => void;
    this.server.removeAllListeners('connection');
    this.server.on('request', (request, response) => this.#conversationOf(request.socket).receive(request, response));
    this.server.on('clientError', (error, socket) => this.#conversationOf(socket as Socket).fault(error));
    // A listener, so that Node leaves it to the connection what a silent socket means.
    this.server.on('timeout', () => undefined);
  }

  /** Hands a connection over to HTTP: its socket is paused, and `head` was read from it. */
  take(connection: Connection, head: Buffer): void {
    const { socket } = connection;
    const route = this.#route.bind(this, connection);
    const conversation = new WebConversation(connection, this.#options.settings, route);
    connection.owner = conversation;
    this.#conversations.set(socket, conversation);
    socket.unshift(head);
    this.#serveHttp.call(this.server, socket);
    socket.resume();
  }

  #conversationOf(socket: Socket): WebConversation {
    return this.#conversations.get(socket)!;
  }

  async #route(
    connection: Connection,
    request: IncomingMessage,
    body: Unread,
    startHandler: () => void,
  ): Promise<Answer> {
    const target = targetOf(request);
    if (target === undefined) return refusal(400, 'the target of the request is not a valid path or address');
    const stranger = this.#strangeHost(request, target);
    if (stranger !== undefined) return stranger;

    const { pathname } = target;
    if (PROBES.includes(pathname)) return this.#probe(connection, pathname, request.method!);
    this.#options.served(connection);
    const reason = this.#options.turnedAway(connection);
    if (reason !== undefined) return unavailable(`busy: ${reason}`);
    if (pathname !== '/') return refusal(404, `there is nothing at ${pathname}; messages go to POST /`);
    if (!MESSAGE_METHODS.includes(request.method!)) return wrongMethod(MESSAGE_METHODS);
    return this.#reply(connection, body, startHandler);
  }

  /** Two hosts are a smuggler's, a foreign one is another site's page that found its way here. */
  #strangeHost({ headersDistinct, httpVersion }: IncomingMessage, target: URL): Answer | undefined {
    const hosts = headersDistinct['host'] ?? [];
    if (hosts.length > 1) return refusal(400, 'the request has more than one Host header');
    if (hosts.length === 0 && httpVersion === '1.1') return refusal(400, 'the request has no Host header');
    for (const host of [...hosts, target.host]) {
      if (!isAllowedHost(host, this.#options.settings.ALLOWED_HOSTS)) {
        return refusal(403, 'this server does not answer to the name in the Host header; ALLOWED_HOSTS can list it');
      }
    }
    return undefined;
  }

  #probe(connection: Connection, path: string, method: string): Answer {
    connection.probes += 1;
    if (!PROBE_METHODS.includes(method)) return wrongMethod(PROBE_METHODS);
    const well = path === '/healthz' || this.#options.ready();
    this.#options.logger.debug(
      { connection: connection.id, path, well },
      `probe ${path}: ${well ? 'well' : 'not ready'}`,
    );
    return well ? { status: 200, text: 'ok\n' } : unavailable('not ready: the server takes no new callers now');
  }

  async #reply(connection: Connection, body: Unread, startHandler: () => void): Promise<Answer> {
    const { handler, logger } = this.#options;
    try {
      const message = decodeUtf8(body.bytes, body.start, body.end);
      connection.hear(message);
      startHandler();
      const reply = await handler(message, callerOf(connection));
      assertWellFormed(reply);
      connection.firstReply ??= reply;
      return { status: 200, text: reply };
    } catch (error) {
      if (error instanceof CodecError) return refusal(400, `${error.code}: ${error.message}`);
      logger.error({ connection: connection.id, err: error }, `the handler failed: ${String(error)}`);
      return refusal(500, 'failed: the server could not answer this message');
    }
  }
}

/** The target as an address, whether it came as a path or absolute (RFC 9112 section 3.2). */
function targetOf({ url = '' }: IncomingMessage): URL | undefined {
  return URL.parse(url, 'http://localhost') ?? undefined;
}

function refusal(status: number, sentence: string): Answer {
  return { status, text: `${sentence}\n` };
}

function unavailable(sentence: string): Answer {
  return { ...refusal(503, sentence), headers: { 'Retry-After': '1' }, last: 'busy' };
}

function wrongMethod(allowed: readonly string[]): Answer {
  return { ...refusal(405, `this address takes ${allowed.join(', ')}`), headers: { Allow: allowed.join(', ') } };
}
