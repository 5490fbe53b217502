/**
 * The server's half of HTTP/1.1 (RFC 9110 and 9112): bytes to requests, responses to bytes. Strict where the RFCs allow
 * leniency: request smuggling needs two parsers that disagree.
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

/** `next` and `end` throw an {@link HttpError} for bad input. The codec is `over` then. */
export class HttpCodec implements Codec<HttpRequest, HttpResponse> {
  readonly idleEndsMessage = false;
  /** No further request is decoded: the connection ends after the last response, or with an error. */
  over = false;
  readonly #maxBodyBytes: number;
  readonly #input: ReadBuffer;
  #head = new HeadDecoder(REQUEST_HEAD);
  /** The last request, until its response is encoded. */
  #request: HttpRequest | undefined;
  #chunks: ChunkedBody | undefined;

  /** `maxBodyBytes`: the largest body that is accepted. */
  constructor({ maxBodyBytes }: { maxBodyBytes: number }) {
    this.#maxBodyBytes = maxBodyBytes;
    this.#input = new ReadBuffer(maxBodyBytes, { reuses: true });
  }

  /** Whether part of a request is held. Empty lines do not count, nor does a CR that may begin one. */
  get hasPartial(): boolean {
    const { bytes, end } = this.#input;
    let { start } = this.#input;
    while (start < end && (bytes[start] === CR || bytes[start] === LF)) start += 1;
    const inside = this.#request === undefined ? this.#head.line !== undefined : !this.#request.complete;
    return !this.over && (inside || start < end);
  }

  /** Keeps the bytes until they are decoded: they must not change until then. */
  push(bytes: Buffer): void {
    if (!this.over) this.#input.push(bytes);
  }

  /** The next request: at its head, and again with its body, if it has one. None until the last one has its response. */
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

  /** The end of the stream (half-close). Throws for an incomplete request. */
  end(): undefined {
    if (this.#request?.complete === true || !this.hasPartial) return;
    this.#finish();
    throw badRequest('the stream ended inside a request');
  }

  /**
   * Appends the response to the last request (see {@link encodeResponse}); a string is a plain-text reply. The codec is over
   * then if this is the `last` one, if the client asked for it, if a body is outstanding or streamed, or if no request waits.
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
    // RFC 9110 section 10.1.1: HTTP/1.0 has no interim responses, and a body that has begun needs none.
    request.expectsContinue &&= request.version === '1.1' && this.#input.length === 0;
    if (request.contentLength === undefined)
      this.#chunks = new ChunkedBody(this.#maxBodyBytes, this.#head, bodyTooLarge);
    return request;
  }

  #decodeBody(request: HttpRequest): HttpRequest | undefined {
    const body = this.#chunks ? this.#chunks.decode(this.#input) : takeBytes(this.#input, request.contentLength!);
    return body && Object.assign(request, { body, complete: true });
  }

  /** Releases the input: with a streamed response, the connection may stay open for long. */
  #finish(): void {
    this.over = true;
    this.#input.start = this.#input.end;
    this.#input.compact();
  }
}
