/**
 * A conversation over HTTP. Node's own server parses the requests and writes the responses; when it reads, how much of it,
 * and when the connection ends is decided here, by the same clocks and rules as for frames and text.
 *
 * Left alone, Node would parse as many requests as come, whether they are answered or not, and would end or keep the
 * connection by clocks of its own. So it is handed the bytes of one request, up to its very end, and then none until
 * that request is answered.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { tooLarge } from '@knock/shared/codec';
import type { Logger } from '@knock/shared/log';
import { Unread } from '@knock/shared/unread';

import type { CloseReason, TimeoutReason } from './close-reason.ts';
import { logFault, logRead } from './connection-log.ts';
import type { Connection, Owner } from './connection.ts';
import { detect, MAX_REQUEST_LINE_BYTES } from './detect.ts';
import { type Fault, refusePlainly } from './plain-response.ts';
import { noReplyWithin } from './reply.ts';
import { requestPiece, skipEmptyLines } from './request-piece.ts';
import type { ServerSettings } from './settings.ts';
import type { Outlet } from './watch.ts';

/** What a request is answered. */
export interface Answer {
  status: number;
  /** In bytes from the start: the text would stay in memory beside them for as long as the caller takes to read. */
  body: Buffer;
  headers?: Record<string, string>;
  /** What is written behind the body, for as long as the caller and the server stay. Returns what to call when it is over. */
  stream?: (outlet: Outlet) => () => void;
  /** The connection ends with this answer, for this reason. */
  last?: CloseReason;
}

type WebConversationSettings = Pick<
  ServerSettings,
  'MAX_MESSAGE_BYTES' | 'MESSAGE_TIMEOUT_MS' | 'HANDLER_TIMEOUT_MS' | 'IDLE_TIMEOUT_MS'
>;

export interface WebConversationOptions {
  settings: WebConversationSettings;
  logger: Logger;
  /** Answers a request whose body was wholly read. */
  route: (request: IncomingMessage, body: Unread) => Promise<Answer>;
}

/** A request whose head was parsed. */
interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  body: Unread;
}

/** Replies are what somebody said, and never more than text; and they are new each time. */
const COMMON_HEADERS = {
  'Content-Type': 'text/plain; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};

export const NO_REQUEST: Fault = {
  reason: 'bad_frame',
  status: 400,
  sentence: 'what came is not a valid HTTP/1.1 request; its lines end in CR LF',
};

const OWN_FAULT = 'the server failed to answer this request: its log says why';

export class WebConversation implements Owner {
  readonly #connection: Connection;
  readonly #options: WebConversationOptions;
  readonly #unfed = new Unread(MAX_REQUEST_LINE_BYTES);
  #feed!: (bytes: Buffer) => void;
  /** The request that is being read or answered. */
  #exchange: Exchange | undefined;
  #answering = false;
  /** Bytes of a request have come, and it is not answered. */
  #insideRequest = false;
  #fault: Fault | undefined;
  /** The line of the request that is being read has come, and is one; the door has seen that of the first. */
  #lineSeen = true;
  #inputEnded = false;
  #draining = false;
  /** What is being streamed to the caller. */
  #stream: { response: ServerResponse; over: () => void } | undefined;

  constructor(connection: Connection, options: WebConversationOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Puts itself between the socket and Node's server, which `serveHttp` makes listen to it; `head` was read before. */
  begin(serveHttp: (this: Server, socket: Socket) => void, server: Server, head: Buffer): void {
    const { socket } = this.#connection;
    this.#connection.owner = this;
    const before = { data: socket.listeners('data'), end: socket.listeners('end') };
    serveHttp.call(server, socket);
    this.#feed = socket.listeners('data').find((one) => !before.data.includes(one)) as (bytes: Buffer) => void;
    socket.removeAllListeners('data');
    for (const listener of socket.listeners('end')) {
      if (!before.end.includes(listener)) socket.off('end', listener);
    }
    // Its requests and responses would stop, start and end the socket as suits each of them alone.
    Object.assign(socket, { pause: () => socket, resume: () => socket, destroySoon: () => undefined });
    this.#connection.listenToReads();
    this.#unfed.push(head);
    this.#advance();
  }

  /** A request's head was parsed. */
  receive(request: IncomingMessage, response: ServerResponse): void {
    this.#exchange = { request, response, body: new Unread(this.#options.settings.MAX_MESSAGE_BYTES) };
  }

  /** What came is no request. */
  fail(fault: Fault): void {
    this.#fault ??= fault;
  }

  drain(): void {
    this.#draining = true;
    if (this.#stream) this.leave('drained', '');
    else if (!this.#answering) this.#advance();
  }

  leave(reason: CloseReason, sentence: string): void {
    if (this.#stream) {
      // Its end is said by HTTP, too, so that nobody takes it for cut off.
      this.#stream.response.end();
      this.#connection.finish(reason);
    } else if (this.#insideRequest) refusePlainly(this.#connection, { reason, status: 503, sentence });
    else this.#connection.finish(reason);
  }

  release(): void {
    this.#stream?.over();
    this.#stream = undefined;
  }

  timeUp(reason: TimeoutReason): void {
    const { MESSAGE_TIMEOUT_MS, HANDLER_TIMEOUT_MS } = this.#options.settings;
    if (reason === 'message_timeout') {
      const sentence = `no whole request within ${MESSAGE_TIMEOUT_MS} ms of its first byte: is its Content-Length right?`;
      refusePlainly(this.#connection, { reason, status: 408, sentence });
    } else if (reason === 'handler_timeout') {
      const sentence = `failed: ${noReplyWithin(HANDLER_TIMEOUT_MS)}`;
      refusePlainly(this.#connection, { reason, status: 500, sentence });
    } else {
      this.#connection.finish(reason);
    }
  }

  read(bytes: Buffer): void {
    this.#connection.countRead(bytes);
    logRead(this.#options.logger, this.#connection, bytes);
    this.#unfed.push(bytes);
    if (this.#answering) this.#connection.pause();
    else this.#advance();
  }

  readEnd(): void {
    this.#inputEnded = true;
    if (!this.#answering) this.#advance();
  }

  taken(): void {
    if (this.#stream) this.#connection.wasRead();
  }

  /** Lets Node parse until a request is whole, and answers it; else decides what to wait for. */
  #advance(): void {
    if (this.#connection.ending || !this.#readRequest()) return;
    this.#unfed.tidy();
    if (this.#exchange?.request.complete) this.#answer(this.#exchange).catch((fault: unknown) => this.#failWith(fault));
    else if (this.#fault) refusePlainly(this.#connection, this.#fault);
    else if (this.#inputEnded) this.#endOfInput();
    else if (this.#draining) this.leave('drained', 'the server is leaving: send this again');
    else this.#waitForBytes();
  }

  /** Feeds what there is of one request; false: it is too large, and the conversation has ended. */
  #readRequest(): boolean {
    if (!this.#insideRequest) skipEmptyLines(this.#unfed);
    while (!this.#fault && !this.#exchange?.request.complete) {
      this.#insideRequest ||= this.#unfed.length > 0;
      if (!this.#hasLine()) return true;
      const piece = requestPiece(this.#unfed, this.#exchange);
      if (piece === undefined) return true;
      this.#unfed.start += piece.length;
      this.#feed(piece);
      if (!this.#takeBody()) return false;
    }
    return true;
  }

  /** Judges each request's line by the rule of the door: Node's parser takes lines of RTSP and of other versions as well. */
  #hasLine(): boolean {
    const { bytes, start, end, length } = this.#unfed;
    if (this.#lineSeen || length === 0) return this.#lineSeen;
    const sight = detect(bytes.subarray(start, end));
    this.#lineSeen = sight === 'http';
    if (!this.#lineSeen && sight !== 'could_be_http' && sight !== 'looks_like_http') this.fail(NO_REQUEST);
    return this.#lineSeen;
  }

  #takeBody(): boolean {
    if (this.#exchange === undefined) return true;
    const { request, body } = this.#exchange;
    const { MAX_MESSAGE_BYTES } = this.#options.settings;
    for (let bytes = readBody(request); bytes !== null; bytes = readBody(request)) body.push(bytes);
    const announced = Number(request.headers['content-length'] ?? 0);
    if (Math.max(announced, body.length) <= MAX_MESSAGE_BYTES) return true;
    const { message: sentence } = tooLarge('this message', MAX_MESSAGE_BYTES);
    refusePlainly(this.#connection, { reason: 'too_large', status: 413, sentence });
    return false;
  }

  #waitForBytes(): void {
    const { clock } = this.#connection;
    const { MESSAGE_TIMEOUT_MS, IDLE_TIMEOUT_MS } = this.#options.settings;
    const waitingFor = this.#insideRequest ? 'message_timeout' : 'idle_timeout';
    // Absolute: from the first byte of a request, where the door may have started it already, and from the last
    // answer. Neither further bytes nor empty lines start it again.
    if (clock.reason !== waitingFor)
      clock.start(waitingFor, this.#insideRequest ? MESSAGE_TIMEOUT_MS : IDLE_TIMEOUT_MS);
    this.#connection.resume();
  }

  #endOfInput(): void {
    const sentence = 'the stream ended inside a request';
    if (this.#insideRequest) refusePlainly(this.#connection, { reason: 'cut_short', status: 400, sentence });
    else this.#connection.finish('done');
  }

  async #answer({ request, response, body }: Exchange): Promise<void> {
    const { clock } = this.#connection;
    this.#answering = true;
    clock.start('handler_timeout', this.#options.settings.HANDLER_TIMEOUT_MS);
    const answer = await this.#options.route(request, body);
    clock.stop();
    if (this.#connection.ending) return;
    if (answer.stream) {
      this.#startStream(response, answer.stream, answer);
      return;
    }
    // Behind a request to upgrade, Node would take what follows for another protocol.
    const keep = response.shouldKeepAlive && request.headers.upgrade === undefined;
    const last = answer.last ?? (keep ? undefined : 'done');
    await this.#respond(response, { ...answer, ...(last ? { last } : {}) });
    this.#exchange = undefined;
    this.#answering = false;
    this.#insideRequest = false;
    this.#lineSeen = false;
    if (last) this.#connection.finish(last);
    else this.#advance();
  }

  /** A fault in our own code: it costs this connection, and no other. */
  #failWith(fault: unknown): void {
    logFault(this.#options.logger, this.#connection, fault);
    if (this.#connection.ending) return;
    if (this.#exchange?.response.headersSent) this.#connection.destroy('error');
    else refusePlainly(this.#connection, { reason: 'error', status: 500, sentence: OWN_FAULT });
  }

  /** From now on the caller only listens; what it still sends is not looked at. */
  #startStream(response: ServerResponse, stream: NonNullable<Answer['stream']>, { status, headers }: Answer): void {
    const { socket } = this.#connection;
    response.writeHead(status, { ...COMMON_HEADERS, Connection: 'close', ...headers });
    const outlet = {
      write: (text: string) => {
        response.write(text);
        if (socket.writableLength > 0) this.#connection.expectRead();
      },
      get unsent() {
        return socket.writableLength;
      },
      cutOff: () => this.#connection.destroy('write_timeout'),
    };
    this.#stream = { response, over: stream(outlet) };
    if (this.#draining) this.leave('drained', '');
  }

  /** Resolves when the kernel has taken the response, or the connection is gone. */
  async #respond(response: ServerResponse, { status, body, headers, last }: Answer): Promise<void> {
    const ends = last !== undefined || (this.#draining && this.#unfed.length === 0);
    response.writeHead(status, {
      ...COMMON_HEADERS,
      'Content-Length': body.length,
      ...(ends ? { Connection: 'close' } : {}),
      ...headers,
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    response.once('close', resolve);
    // Reading would start the write clock again: a caller must not be able to hold us by sending instead of reading.
    this.#connection.pause();
    this.#connection.expectRead();
    response.end(body);
    await promise;
    this.#connection.wasRead();
  }
}

function readBody(request: IncomingMessage): Buffer | null {
  return request.read() as Buffer | null;
}
