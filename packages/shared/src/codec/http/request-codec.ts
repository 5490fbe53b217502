/**
 * The server's half of HTTP/1.1 (RFC 9110 and 9112): bytes to requests, responses to bytes. Where the RFCs leave
 * leniency to the server it refuses, since requests are smuggled where two readers disagree.
 */
import type { Codec } from '../codec.ts';
import { ReadBuffer } from '../read-buffer.ts';
import type { WriteBuffer } from '../write-buffer.ts';
import { ChunkedBody } from './body.ts';
import { HeadDecoder } from './head.ts';
import { badRequest } from './http-error.ts';
import { CR, LF, takeBytes } from './line.ts';
import { REQUEST_HEAD } from './request-line.ts';
import { bodyTooLarge, createRequest, type HttpRequest } from './request.ts';
import { encodeResponse, type HttpResponse } from './response.ts';

/** `next` and `end` throw an {@link HttpError} for bad input, and the codec is over. */
export class HttpCodec implements Codec<HttpRequest, HttpResponse> {
  readonly idleEndsMessage = false;
  /** No request is decoded any more: the connection ends with the response that was encoded last, or with an error. */
  over = false;
  readonly #maxBodyBytes: number;
  readonly #input: ReadBuffer;
  #head = new HeadDecoder(REQUEST_HEAD);
  /** The request that was decoded last, until it has its response. */
  #request: HttpRequest | undefined;
  #chunks: ChunkedBody | undefined;

  /** `maxBodyBytes`: the largest body that is taken. */
  constructor({ maxBodyBytes }: { maxBodyBytes: number }) {
    this.#maxBodyBytes = maxBodyBytes;
    this.#input = new ReadBuffer(maxBodyBytes, { reuses: true });
  }

  /** Bytes of an unfinished request are held. Empty lines belong to none, nor does a CR that may become one. */
  get hasPartial(): boolean {
    const { bytes, end } = this.#input;
    let { start } = this.#input;
    while (start < end && (bytes[start] === CR || bytes[start] === LF)) start += 1;
    const inside = this.#request === undefined ? this.#head.line !== undefined : !this.#request.complete;
    return !this.over && (inside || start < end);
  }

  /** Holds the bytes until they are decoded: their memory must not change until then. */
  push(bytes: Buffer): void {
    if (!this.over) this.#input.push(bytes);
  }

  /** The next request: at its head, and if it has a body once more with that. None before the last one has its response. */
  next(): HttpRequest | undefined {
    if (this.over || this.#request?.complete === true) return undefined;
    try {
      const request = this.#request === undefined ? this.#decodeHead() : this.#decodeBody(this.#request);
      if (request === undefined) this.#input.compact();
      return request;
    } catch (error) {
      this.#finish();
      throw error;
    }
  }

  /** No more bytes will come: is a request unfinished? */
  end(): undefined {
    if (this.#request?.complete === true || !this.hasPartial) return;
    this.#finish();
    throw badRequest('the stream ended inside a request');
  }

  /**
   * Appends the response to the request that was decoded last, as {@link encodeResponse}; a string is a reply in plain text.
   * The codec is over with the `last` one, where the client asks for that, where a body is outstanding or streamed, and
   * where no request waits for a response.
   */
  encode(reply: string | HttpResponse, out: WriteBuffer, last = false): void {
    const response = typeof reply === 'string' ? { status: 200, body: reply } : reply;
    const keeps = this.#request?.keepAlive === true && this.#request.complete && response.stream !== true;
    const closes = last || this.over || !keeps;
    const { method, version = '1.1' } = this.#head.line ?? {};
    encodeResponse(response, { headOnly: method === 'HEAD', version, closes }, out);
    if (response.status < 200) return;
    if (closes) this.#finish();
    this.#chunks = undefined;
    this.#request = undefined;
    this.#head = new HeadDecoder(REQUEST_HEAD);
  }

  #decodeHead(): HttpRequest | undefined {
    const fields = this.#head.decode(this.#input);
    if (fields === undefined) return undefined;
    const request = createRequest(this.#head.line!, fields, this.#maxBodyBytes);
    this.#request = request;
    if (request.complete) return request;
    // RFC 9110 section 10.1.1: HTTP/1.0 has no interim responses, and none is needed once the body comes.
    request.expectsContinue &&= request.version === '1.1' && this.#input.length === 0;
    if (request.contentLength === undefined)
      this.#chunks = new ChunkedBody(this.#maxBodyBytes, this.#head, bodyTooLarge);
    return request;
  }

  #decodeBody(request: HttpRequest): HttpRequest | undefined {
    const body = this.#chunks ? this.#chunks.decode(this.#input) : takeBytes(this.#input, request.contentLength!);
    return body && Object.assign(request, { body, complete: true });
  }

  /** Frees what is held: the connection may stay for long, if its response is a stream. */
  #finish(): void {
    this.over = true;
    this.#input.start = this.#input.end;
    this.#input.compact();
  }
}
