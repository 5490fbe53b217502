/** The web server: the same handler behind HTTP. Node's own server reads the protocol; here are the routes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';

import { CodecError } from '@knock/shared/codec';
import type { Logger } from '@knock/shared/log';
import { sampleText } from '@knock/shared/text-sample';
import type { Unread } from '@knock/shared/unread';
import { assertWellFormed, decodeUtf8 } from '@knock/shared/utf8';

import type { TurnedAway } from './admission.ts';
import { logExchange, logFailure, logLateHandler } from './connection-log.ts';
import { type Connection, KnownCaller } from './connection.ts';
import { MAX_REQUEST_LINE_BYTES } from './detect.ts';
import type { Handler } from './handler.ts';
import { isAllowedHost } from './hosts.ts';
import type { Metrics } from './metrics.ts';
import { isFromForeignPage } from './origin.ts';
import type { Page } from './page.ts';
import type { Fault } from './plain-response.ts';
import { NO_REPLY, replyOf } from './reply.ts';
import type { ServerSettings } from './settings.ts';
import { type Answer, NO_REQUEST, WebConversation } from './web-conversation.ts';

export interface WebOptions {
  settings: ServerSettings;
  handler: Handler;
  logger: Logger;
  metrics: Pick<Metrics, 'text' | 'contentType' | 'handling'>;
  /** Undefined: there is no page. */
  page: Page | undefined;
  /** Why this caller is not served; undefined: it is. */
  turnedAway(connection: Connection): TurnedAway | undefined;
  /** Whether another caller in the place of the one who asks would be served. */
  ready(asker: Connection): boolean;
  /** A request came that is no probe. */
  served(connection: Connection): void;
}

const MESSAGE_METHODS = ['GET', 'HEAD', 'POST'];
const PROBE_METHODS = ['GET', 'HEAD'];
/** What a machine asks for, to watch the server: answered above the limit too, and no message. */
const PROBES = ['/healthz', '/readyz', '/metrics'];

export class Web {
  /** Owns the listening socket, for all languages; the door stands in front of its own `'connection'` listener. */
  readonly server: Server;
  readonly #options: WebOptions;
  readonly #conversations = new WeakMap<Socket, WebConversation>();
  readonly #serveHttp: (this: Server, socket: Socket) => void;

  constructor(options: WebOptions) {
    this.#options = options;
    this.server = createServer({
      // The clocks are those of the conversation.
      headersTimeout: 0,
      requestTimeout: 0,
      keepAliveTimeout: 0,
      maxHeaderSize: MAX_REQUEST_LINE_BYTES,
      // Node's own refusal has no sentence; ours has.
      requireHostHeader: false,
      // A stream that is paused takes one read more, and stops: with a larger buffer it would go on reading until that is full.
      highWaterMark: 1,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 15_000,
    });
    this.#serveHttp = this.server.listeners('connection')[0] as (socket: Socket) => void;
    this.server.removeAllListeners('connection');
    const receive = (request: IncomingMessage, response: ServerResponse) =>
      this.#conversationOf(request.socket)?.receive(request, response);
    this.server.on('request', receive);
    this.server.on('checkExpectation', receive);
    this.server.on('connect', ({ socket }) => this.#conversationOf(socket)?.fail(NO_TUNNEL));
    this.server.on('clientError', (error, socket) => this.#conversationOf(socket as Socket)?.fail(faultOf(error)));
    // A listener, so that Node leaves it to the connection what a silent socket means.
    this.server.on('timeout', () => undefined);
  }

  /** Hands a connection over to HTTP: its socket is paused, and `head` was read from it. */
  take(connection: Connection, head: Buffer): void {
    const { settings, logger } = this.#options;
    const route = this.#route.bind(this, connection);
    const conversation = new WebConversation(connection, { settings, logger, route });
    this.#conversations.set(connection.socket, conversation);
    conversation.begin(this.#serveHttp, this.server, head);
  }

  /** Stops listening. Not Node's own `close`, which ends connections whose response is still on its way. */
  stopListening(): void {
    NetServer.prototype.close.call(this.server);
  }

  #conversationOf(socket: Socket): WebConversation | undefined {
    return this.#conversations.get(socket);
  }

  async #route(connection: Connection, request: IncomingMessage, body: Unread): Promise<Answer> {
    const answer = await this.#find(connection, request, body);
    const isProbe = PROBES.includes(targetOf(request)?.pathname ?? '');
    if (answer.status >= 400 && !isProbe && !connection.ending)
      connection.countRefusal(String(answer.status), sampleText(answer.body.toString().trimEnd()));
    return answer;
  }

  async #find(connection: Connection, request: IncomingMessage, body: Unread): Promise<Answer> {
    const strangeCoding = refuseCoding(request);
    if (strangeCoding !== undefined) return strangeCoding;
    const target = targetOf(request);
    if (target === undefined) return refusal(400, 'the target of the request is not a valid path or address');
    if (request.headers.expect?.toLowerCase() !== '100-continue' && request.headers.expect) {
      return refusal(417, 'this server meets no expectation but 100-continue');
    }
    const stranger = this.#strangeHost(request, target) ?? this.#strangePage(request);
    if (stranger !== undefined) return stranger;

    const { pathname } = target;
    const turnedAway = this.#options.turnedAway(connection);
    // The health checks of this machine have no certificate, and tell nobody else anything.
    const mayProbe = turnedAway?.code !== 'tls' || connection.isLocal;
    if (mayProbe && PROBES.includes(pathname)) return this.#probe(connection, pathname, request.method!);
    if (turnedAway) return turnAway(turnedAway);
    const look = this.#options.page?.answer(request, target);
    if (look !== undefined) {
      connection.probes += 1;
      return look;
    }
    this.#options.served(connection);
    if (pathname !== '/') return refusal(404, `there is nothing at ${pathname}: messages go to POST /`);
    if (!MESSAGE_METHODS.includes(request.method!)) return wrongMethod(MESSAGE_METHODS);
    return this.#reply(connection, body);
  }

  /** Two hosts are a smuggler's, a foreign one is another site's page that found its way here. */
  #strangeHost({ headersDistinct, httpVersion }: IncomingMessage, target: URL): Answer | undefined {
    const hosts = headersDistinct['host'] ?? [];
    if (hosts.length > 1) return refusal(400, 'the request has more than one Host header');
    if (hosts.length === 0 && httpVersion === '1.1') return refusal(400, 'the request has no Host header');
    for (const host of [...hosts, target.host]) {
      if (!isAllowedHost(host, this.#options.settings.ALLOWED_HOSTS)) {
        return refusal(403, 'this server does not answer to the name in the Host header: ALLOWED_HOSTS can list it');
      }
    }
    return undefined;
  }

  #strangePage(request: IncomingMessage): Answer | undefined {
    if (!isFromForeignPage(request, this.#options.settings.ALLOWED_HOSTS)) return undefined;
    return refusal(403, 'this server does not answer to pages of other sites');
  }

  async #probe(connection: Connection, path: string, method: string): Promise<Answer> {
    connection.probes += 1;
    if (!PROBE_METHODS.includes(method)) return wrongMethod(PROBE_METHODS);
    if (path === '/metrics') return this.#numbers();
    const well = path === '/healthz' || this.#options.ready(connection);
    this.#options.logger.debug(
      { connection: connection.id, path, well },
      `probe ${path}: ${well ? 'well' : 'not ready'}`,
    );
    return well
      ? { status: 200, body: Buffer.from('ok\n') }
      : unavailable('not ready: the server takes no new callers now');
  }

  async #numbers(): Promise<Answer> {
    const { metrics } = this.#options;
    return { status: 200, body: Buffer.from(await metrics.text()), headers: { 'Content-Type': metrics.contentType } };
  }

  async #reply(connection: Connection, body: Unread): Promise<Answer> {
    const { handler, logger, metrics, settings } = this.#options;
    const began = performance.now();
    const late = () => performance.now() - began - settings.HANDLER_TIMEOUT_MS;
    try {
      const message = decodeUtf8(body.bytes, body.start, body.end);
      connection.countMessage(message);
      const reply = await replyOf(handler, message, new KnownCaller(connection));
      if (connection.ending) {
        logLateHandler(logger, connection, { lateMs: late() });
        return NOBODY_HEARS;
      }
      metrics.handling.add(began);
      assertWellFormed(reply);
      connection.countReply(reply);
      logExchange(logger, connection, message, reply);
      return { status: 200, body: Buffer.from(reply) };
    } catch (error) {
      if (connection.ending) {
        logLateHandler(logger, connection, { lateMs: late(), thrown: { error } });
        return NOBODY_HEARS;
      }
      if (error instanceof CodecError) return refusal(400, `${error.code}: ${error.message}`);
      logFailure(logger, connection, error);
      return refusal(500, `failed: ${NO_REPLY}`);
    }
  }
}

/** The connection has ended: nothing is written any more. */
const NOBODY_HEARS: Answer = { status: 500, body: Buffer.alloc(0) };

/** The target as an address, whether it came as a path, an asterisk, or absolute (RFC 9112 section 3.2). */
function targetOf({ url = '' }: IncomingMessage): URL | undefined {
  const path = url.startsWith('/') ? url : `/${url}`;
  return URL.parse(/^https?:/i.test(url) ? url : `http://localhost${path}`) ?? undefined;
}

const NO_TUNNEL: Fault = { reason: 'bad_frame', status: 405, sentence: 'this server makes no tunnels' };

/** What Node's parser found wrong. */
function faultOf({ code }: NodeJS.ErrnoException): Fault {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { reason: 'too_large', status: 431, sentence: 'the head of the request is above the limit' };
  }
  return NO_REQUEST;
}

function refusal(status: number, sentence: string): Answer {
  return { status, body: Buffer.from(`${sentence}\n`) };
}

function turnAway({ code, sentence }: TurnedAway): Answer {
  if (code === 'tls') return { ...refusal(400, `tls: ${sentence}`), last: 'tls' };
  return unavailable(`busy: ${sentence}`);
}

function unavailable(sentence: string): Answer {
  return { ...refusal(503, sentence), headers: { 'Retry-After': '1' }, last: 'busy' };
}

/**
 * Whoever stands in front may see the end of such a request elsewhere than Node's parser, so it is the connection's last
 * (RFC 9112 section 6.1); and a message whose coding nobody undoes is not the message that was meant.
 */
function refuseCoding({ headers, httpVersion }: IncomingMessage): Answer | undefined {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return undefined;
  if (httpVersion === '1.0') return { ...refusal(400, 'HTTP/1.0 has no transfer codings'), last: 'bad_frame' };
  if (coding.toLowerCase() === 'chunked') return undefined;
  return { ...refusal(501, 'this server undoes no transfer coding but chunked'), last: 'bad_frame' };
}

function wrongMethod(allowed: readonly string[]): Answer {
  return { ...refusal(405, `this address takes ${allowed.join(', ')}`), headers: { Allow: allowed.join(', ') } };
}
