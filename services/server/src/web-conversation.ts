/**
 * A conversation over HTTP. Node's own server parses the requests and writes the responses; when it reads, how much of it,
 * and when the connection ends is decided here, by the same clocks and rules as for frames and text.
 *
 * Node would parse as many requests as come, whether they are answered or not, and would end or keep the connection by
 * clocks of its own. So it is handed the bytes in small pieces, and none while a request waits for its answer.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { Logger } from '@knock/shared/log';
import { Unread } from '@knock/shared/unread';

import type { CloseReason, TimeoutReason } from './close-reason.ts';
import { logRead } from './connection-log.ts';
import type { Connection, Owner } from './connection.ts';
import { plainResponse } from './plain-response.ts';
import type { ServerSettings } from './settings.ts';

/** What a request is answered. */
export interface Answer {
  status: number;
  text: string;
  headers?: Record<string, string>;
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

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  body: Unread;
}

/** What is wrong with the input, and what to say about it. */
export interface Fault {
  reason: CloseReason;
  status: number;
  sentence: string;
}

/** How much Node is handed at a time: no more than some fifty of the smallest requests, which is what it may hold. */
const PIECE_BYTES = 1024;

export class WebConversation implements Owner {
  readonly #connection: Connection;
  readonly #options: WebConversationOptions;
  readonly #unfed: Unread;
  /** Requests that Node has parsed the heads of; the first one is being served. */
  readonly #exchanges: Exchange[] = [];
  #phase: 'reading' | 'answering' = 'reading';
  #feed: ((bytes: Buffer) => void) | undefined;
  #fault: Fault | undefined;
  #inputEnded = false;
  #draining = false;

  constructor(connection: Connection, options: WebConversationOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#unfed = new Unread(PIECE_BYTES);
  }

  /** Puts itself between the socket and Node's server, which `serveHttp` makes listen to it; `head` was read before. */
  begin(serveHttp: (this: Server, socket: Socket) => void, server: Server, head: Buffer): void {
    const { socket } = this.#connection;
    this.#connection.owner = this;
    const before = socket.listeners('end');
    serveHttp.call(server, socket);
    this.#feed = socket.listeners('data')[0] as (bytes: Buffer) => void;
    socket.removeAllListeners('data');
    for (const listener of socket.listeners('end')) {
      if (!before.includes(listener)) socket.off('end', listener);
    }
    // Its requests and responses would stop, start and end the socket as suits each of them alone.
    Object.assign(socket, { pause: () => socket, resume: () => socket, destroySoon: () => undefined });
    socket.on('data', this.#read);
    socket.once('end', this.#readEnd);
    this.#unfed.push(head);
    this.#advance();
  }

  /** A request's head was parsed. */
  receive(request: IncomingMessage, response: ServerResponse): void {
    this.#exchanges.push({ request, response, body: new Unread(this.#options.settings.MAX_MESSAGE_BYTES) });
  }

  /** What came is no request; those that were whole before it are answered first. */
  fail(fault: Fault): void {
    this.#fault ??= fault;
  }

  drain(): void {
    this.#draining = true;
    if (this.#phase === 'reading') this.#advance();
  }

  release(): void {
    const { socket } = this.#connection;
    socket.off('data', this.#read);
    socket.off('end', this.#readEnd);
  }

  timeUp(reason: TimeoutReason): void {
    const { MESSAGE_TIMEOUT_MS, HANDLER_TIMEOUT_MS } = this.#options.settings;
    if (reason === 'message_timeout') {
      this.#refuse({
        reason,
        status: 408,
        sentence: `no whole request within ${MESSAGE_TIMEOUT_MS} ms of its first byte`,
      });
    } else if (reason === 'handler_timeout') {
      this.#refuse({
        reason,
        status: 500,
        sentence: `failed: the server had no reply within ${HANDLER_TIMEOUT_MS} ms`,
      });
    } else {
      this.#connection.finish(reason);
    }
  }

  readonly #read = (bytes: Buffer) => {
    logRead(this.#options.logger, this.#connection, bytes);
    this.#unfed.push(bytes);
    if (this.#phase === 'answering') this.#connection.pause();
    else this.#advance();
  };

  readonly #readEnd = () => {
    this.#inputEnded = true;
    if (this.#phase === 'reading') this.#advance();
  };

  /** Lets Node parse until a request is whole, and answers it; else decides what to wait for. */
  #advance(): void {
    const { clock, ending } = this.#connection;
    if (ending) return;
    const { MESSAGE_TIMEOUT_MS, IDLE_TIMEOUT_MS } = this.#options.settings;
    while (!this.#firstIsWhole() && !this.#fault && this.#unfed.length > 0) {
      // Absolute, from the first byte of a request; the door has started it for the first one.
      if (clock.reason !== 'message_timeout') clock.start('message_timeout', MESSAGE_TIMEOUT_MS);
      this.#feed!(this.#takePiece());
      if (!this.#takeBody()) return;
    }
    this.#unfed.tidy();
    if (this.#firstIsWhole()) void this.#answer(this.#exchanges[0]!);
    else if (!this.#endIfOver()) {
      if (clock.reason !== 'message_timeout') clock.start('idle_timeout', IDLE_TIMEOUT_MS);
      this.#connection.resume();
    }
  }

  #firstIsWhole(): boolean {
    return this.#exchanges[0]?.request.complete ?? false;
  }

  #takePiece(): Buffer {
    const { bytes, start, end } = this.#unfed;
    this.#unfed.start = Math.min(end, start + PIECE_BYTES);
    return bytes.subarray(start, this.#unfed.start);
  }

  /** Takes what there is of the first request's body; false: it is too large, and the conversation has ended. */
  #takeBody(): boolean {
    const first = this.#exchanges[0];
    if (first === undefined) return true;
    const { request, body } = first;
    const { MAX_MESSAGE_BYTES } = this.#options.settings;
    for (let bytes = request.read() as Buffer | null; bytes !== null; bytes = request.read() as Buffer | null)
      body.push(bytes);
    const announced = Number(request.headers['content-length'] ?? 0);
    if (Math.max(announced, body.length) <= MAX_MESSAGE_BYTES) return true;
    this.#refuse({
      reason: 'too_large',
      status: 413,
      sentence: `a message of more than ${MAX_MESSAGE_BYTES} bytes is above the limit`,
    });
    return false;
  }

  /** Ends if no whole request can come any more, or none may. */
  #endIfOver(): boolean {
    const inside = this.#connection.clock.reason === 'message_timeout';
    if (this.#fault) this.#refuse(this.#fault);
    else if (this.#inputEnded && inside) {
      this.#refuse({ reason: 'cut_short', status: 400, sentence: 'the stream ended inside a request' });
    } else if (this.#inputEnded) this.#connection.finish('done');
    else if (this.#draining && inside) {
      this.#refuse({ reason: 'drained', status: 503, sentence: 'the server is leaving; send this again' });
    } else if (this.#draining) this.#connection.finish('drained');
    return this.#connection.ending;
  }

  async #answer({ request, response, body }: Exchange): Promise<void> {
    const { clock } = this.#connection;
    this.#phase = 'answering';
    clock.start('handler_timeout', this.#options.settings.HANDLER_TIMEOUT_MS);
    const answer = await this.#options.route(request, body);
    clock.stop();
    if (this.#connection.ending) return;
    await this.#respond(response, answer);
    this.#exchanges.shift();
    this.#phase = 'reading';
    const last = answer.last ?? (response.shouldKeepAlive ? undefined : 'done');
    if (last) this.#connection.finish(last);
    else if (this.#takeBody()) this.#advance();
  }

  /** Resolves when the kernel has taken the response, or the connection is gone. */
  async #respond(response: ServerResponse, { status, text, headers, last }: Answer): Promise<void> {
    const body = Buffer.from(text);
    const nothingMore = this.#draining && this.#exchanges.length === 1 && this.#unfed.length === 0;
    response.writeHead(status, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...(last || nothingMore ? { Connection: 'close' } : {}),
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

  #refuse({ reason, status, sentence }: Fault): void {
    if (status !== 503) this.#connection.countRefusal(String(status));
    this.#connection.finish(reason, plainResponse(status, sentence));
  }
}
