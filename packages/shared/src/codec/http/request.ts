/** A request, and what its head says about the body and the connection. */
import { type Fields, persists } from './fields.ts';
import { badRequest, HttpError } from './http-error.ts';
import { HOST, type RequestLine } from './request-line.ts';

const DECIMAL = /^(?:0|[1-9]\d*)$/;
const CODINGS_AND_CHUNKED = /^(?:(?!chunked\b)[^\s,][^,]*,[\t ]*)+chunked$/;
const NO_BODY = Buffer.alloc(0);

export interface HttpRequest extends RequestLine {
  readonly fields: Fields;
  /** As it was sent, perhaps with a port; undefined only in HTTP/1.0. */
  readonly host: string | undefined;
  /** In bytes; undefined: the body is chunked. */
  readonly contentLength: number | undefined;
  /** The client may send further requests on this connection. */
  readonly keepAlive: boolean;
  /** The client waits for an interim 100 (Continue), and no byte of the body has come. */
  expectsContinue: boolean;
  /** False: this is the head only; the same request is decoded again with its body. */
  complete: boolean;
  /** A view: valid until bytes are pushed or the response is encoded. */
  body: Buffer;
}

/** Validates a complete head. Throws an {@link HttpError}. Whether part of the body has come is not known here. */
export function createRequest(line: RequestLine, fields: Fields, maxBodyBytes: number): HttpRequest {
  const host = checkHost(line, fields);
  fields.single('authorization');
  fields.single('content-type');
  const contentLength = bodyLength(line, fields);
  const expectation = fields.single('expect')?.toLowerCase();
  // RFC 9110 section 10.1.1.
  if (expectation !== undefined && expectation !== '100-continue')
    throw new HttpError(417, 'unsupported Expect: only 100-continue');
  const contentCoding = fields.get('content-encoding')?.toLowerCase() ?? 'identity';
  // RFC 9110 section 15.5.16: the handler would get the encoded bytes as its message.
  if (contentCoding !== 'identity') throw new HttpError(415, 'unsupported Content-Encoding: only identity');
  if (contentLength !== undefined && contentLength > maxBodyBytes) throw bodyTooLarge(maxBodyBytes);
  const keepAlive = keepsAlive(line, fields);
  const complete = contentLength === 0;
  const expectsContinue = expectation === '100-continue';
  return Object.assign(line, { fields, host, contentLength, keepAlive, expectsContinue, complete, body: NO_BODY });
}

/** RFC 9110 section 15.5.14. */
export const bodyTooLarge = (maxBytes: number) =>
  new HttpError(413, `the body exceeds ${maxBytes} bytes: send less, or ask the operator to raise MAX_MESSAGE_BYTES`);

/** RFC 9112 sections 3.2 and 3.2.2 (absolute form). */
function checkHost({ version, authority }: RequestLine, fields: Fields): string | undefined {
  const host = fields.single('host');
  if (host === undefined && version === '1.1') throw badRequest('the request has no Host header');
  if (host !== undefined && !HOST.test(host)) throw badRequest('Host must be one valid host, with or without a port');
  if (host !== undefined && authority !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    throw badRequest('the target and the Host header name different hosts');
  }
  return host ?? authority;
}

/** The length of the body in bytes; undefined: it is chunked. One reading only, against request smuggling (RFC 9112 section 6.3). */
function bodyLength({ version }: RequestLine, fields: Fields): number | undefined {
  const length = fields.single('content-length');
  const coding = fields.get('transfer-encoding')?.toLowerCase();
  if (coding === undefined) {
    // RFC 9110 section 8.6. Some parsers read leading zeros as octal. Inexact beyond 2^53, but that is far above any limit.
    if (length !== undefined && !DECIMAL.test(length)) throw badRequest('the Content-Length is not a decimal number');
    return Number(length ?? 0);
  }
  if (version === '1.0') throw badRequest('HTTP/1.0 has no Transfer-Encoding: send a Content-Length');
  if (length !== undefined) throw badRequest('the request has a Content-Length and a Transfer-Encoding: send one');
  if (coding === 'chunked') return undefined;
  // RFC 9112 sections 6.1 (501) and 6.3 (400: the end of the body is unknown).
  if (CODINGS_AND_CHUNKED.test(coding)) throw new HttpError(501, 'unsupported Transfer-Encoding: only chunked');
  throw badRequest('Transfer-Encoding must end in chunked, exactly once: send chunked alone');
}

/** RFC 9112 section 9.3. Old proxy clients send Proxy-Connection instead (appendix C.2.2). */
function keepsAlive({ version }: RequestLine, fields: Fields): boolean {
  const options = [...fields.list('connection'), ...fields.list('proxy-connection')];
  // The bytes after an upgrade request may belong to another protocol (RFC 9110 section 7.8).
  const upgrades = options.includes('upgrade') && fields.names.includes('upgrade');
  return !upgrades && persists(version, options);
}
