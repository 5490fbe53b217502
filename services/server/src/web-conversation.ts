/** A conversation over HTTP: requests of one connection are answered one after another, each under a clock. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { Unread } from '@knock/shared/unread';

import type { CloseReason, Connection, Owner, TimeoutReason } from './connection.ts';
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

type WebConversationSettings = Pick<ServerSettings, 'MAX_MESSAGE_BYTES' | 'MESSAGE_TIMEOUT_MS' | 'HANDLER_TIMEOUT_MS'>;

/** Answers a request whose body was wholly read; `startHandler` starts the handler's clock. */
export type Route = (request: IncomingMessage, body: Unread, startHandler: () => void) => Answer | Promise<Answer>;

export class WebConversation implements Owner {
  readonly #connection: Connection;
  readonly #settings: WebConversationSettings;
  readonly #route: Route;
  /** Requests that came and are not answered. */
  #waiting = 0;
  #turn: Promise<void> = Promise.resolve();
  #readingBody = false;
  /** Why Node closes the connection, when it does: the requests so far are all answered. */
  #reason: CloseReason = 'cut_short';
  #draining = false;

  constructor(connection: Connection, settings: WebConversationSettings, route: Route) {
    this.#connection = connection;
    this.#settings = settings;
    this.#route = route;
  }

  /** A request's head was read. Node would hand over many at once to be answered in any order; here each waits its turn. */
  receive(request: IncomingMessage, response: ServerResponse): void {
    this.#waiting += 1;
    if (this.#waiting > 1) this.#connection.socket.pause();
    this.#turn = this.#turn.then(() => this.#exchange(request, response));
  }

  /** What came is not HTTP, or came too slowly: the requests that were whole before it are answered first. */
  fault(error: NodeJS.ErrnoException): void {
    const { reason, status, sentence } = this.#judge(error);
    const refuse = () => this.#connection.finish(reason, plainResponse(status, sentence));
    if (this.#readingBody) refuse();
    else this.#turn = this.#turn.then(refuse);
  }

  drain(): void {
    this.#draining = true;
    if (this.#readingBody)
      this.#connection.finish('drained', plainResponse(503, 'the server is leaving; send this again'));
    else if (this.#waiting === 0) this.#connection.finish('drained');
  }

  timeUp(reason: TimeoutReason): void {
    if (reason === 'message_timeout') this.#connection.finish(reason, plainResponse(408, this.#tooSlow()));
    else if (reason === 'handler_timeout') this.#connection.finish(reason, plainResponse(500, this.#noReply()));
    // A socket's own timeout is a caller that does not read, or one that is idle between two requests.
    else if (this.#waiting > 0) this.#connection.destroy('write_timeout');
    else this.#connection.finish('idle_timeout');
  }

  closed(): CloseReason {
    if (this.#waiting > 0) return this.#readingBody ? 'cut_short' : 'caller_left';
    return this.#draining ? 'drained' : this.#reason;
  }

  async #exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, socket } = this.#connection;
    const body = await this.#readBody(request);
    clock.stop();
    if (body === undefined || this.#connection.ending) return;
    const answer = await this.#route(request, body, () =>
      clock.start('handler_timeout', this.#settings.HANDLER_TIMEOUT_MS),
    );
    clock.stop();
    if (this.#connection.ending) return;
    await this.#respond(response, answer);
    this.#waiting -= 1;
    if (this.#waiting <= 1) socket.resume();
  }

  /** The whole body, or undefined where the connection is ending because of it. */
  async #readBody(request: IncomingMessage): Promise<Unread | undefined> {
    const { MAX_MESSAGE_BYTES } = this.#settings;
    const body = new Unread(MAX_MESSAGE_BYTES);
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > MAX_MESSAGE_BYTES) return this.#refuseTooLarge();
    this.#readingBody = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    request.on('data', (bytes: Buffer) => {
      body.push(bytes);
      if (body.length > MAX_MESSAGE_BYTES) resolve();
    });
    request.once('end', resolve);
    request.once('close', resolve);
    await promise;
    if (body.length > MAX_MESSAGE_BYTES) return this.#refuseTooLarge();
    // A caller that left in the middle closes the request as well, and half a body is no message.
    if (!request.complete) return undefined;
    this.#readingBody = false;
    return body;
  }

  #refuseTooLarge(): undefined {
    const sentence = `a message of more than ${this.#settings.MAX_MESSAGE_BYTES} bytes is above the limit`;
    this.#connection.finish('too_large', plainResponse(413, sentence));
    return undefined;
  }

  /** Resolves when the response was handed to the kernel, or the connection is gone. */
  #respond(response: ServerResponse, { status, text, headers, last }: Answer): Promise<void> {
    const body = Buffer.from(text);
    this.#reason = last ?? 'done';
    response.writeHead(status, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...(last || this.#draining ? { Connection: 'close' } : {}),
      ...headers,
    });
    // Node puts the idle clock in this one's place when the response is out.
    this.#connection.expectRead();
    const { promise, resolve } = Promise.withResolvers<void>();
    response.once('close', resolve);
    response.end(body);
    return promise;
  }

  #judge({ code }: NodeJS.ErrnoException): { reason: CloseReason; status: number; sentence: string } {
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
      return { reason: 'message_timeout', status: 408, sentence: this.#tooSlow() };
    if (code === 'HPE_HEADER_OVERFLOW') {
      return { reason: 'too_large', status: 431, sentence: 'the head of the request is above the limit' };
    }
    if (code === 'HPE_INVALID_EOF_STATE') {
      return { reason: 'cut_short', status: 400, sentence: 'the stream ended inside a request' };
    }
    return { reason: 'bad_frame', status: 400, sentence: 'what came is not a valid HTTP/1.1 request' };
  }

  #tooSlow(): string {
    return `no whole request within ${this.#settings.MESSAGE_TIMEOUT_MS} ms of its first byte`;
  }

  #noReply(): string {
    return `failed: the server had no reply within ${this.#settings.HANDLER_TIMEOUT_MS} ms`;
  }
}
