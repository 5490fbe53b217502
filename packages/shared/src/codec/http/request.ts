/** A request, and what its head says of its body and of the connection. */
import { type Fields, persists } from './fields.ts';
import { badRequest, HttpError } from './http-error.ts';
import { HOST, type RequestLine } from './request-line.ts';

const DECIMAL = /^(?:0|[1-9]\d*)$/;
const CODINGS_AND_CHUNKED = /^(?:(?!chunked\b)[^\s,][^,]*,[\t ]*)+chunked$/;
const NO_BODY = Buffer.alloc(0);

export interface HttpRequest extends RequestLine {
  readonly fields: Fields;
  /** As it was sent, perhaps with a port; undefined in HTTP/1.0 alone. */
  readonly host: string | undefined;
  /** In bytes; undefined: the body is chunked. */
  readonly contentLength: number | undefined;
  /** The client may send more requests on this connection. */
  readonly keepAlive: boolean;
  /** The client waits for an interim 100 before it sends the body, of which no byte has come. */
  expectsContinue: boolean;
  /** False: only the head has come; the same request is decoded again with its body. */
  complete: boolean;
  /** A view, which is valid until bytes are pushed or the response is encoded. */
  body: Buffer;
}

/** Judges a whole head; whether the body has begun to come is not known here. Throws an {@link HttpError}. */
export function createRequest(line: RequestLine, fields: Fields, maxBodyBytes: number): HttpRequest {
  const host = judgeHost(line, fields);
  fields.single('authorization');
  fields.single('content-type');
  const contentLength = judgeFraming(line, fields);
  const expectation = fields.single('expect')?.toLowerCase();
  // RFC 9110 section 10.1.1.
  if (expectation !== undefined && expectation !== '100-continue')
    throw new HttpError(417, 'unsupported Expect: only 100-continue');
  const contentCoding = fields.get('content-encoding')?.toLowerCase() ?? 'identity';
  // RFC 9110 section 15.5.16: the coded bytes would be taken for the message.
  if (contentCoding !== 'identity') throw new HttpError(415, 'unsupported Content-Encoding: only identity');
  if (contentLength !== undefined && contentLength > maxBodyBytes) throw bodyTooLarge(maxBodyBytes);
  const keepAlive = judgeKeepAlive(line, fields);
  const complete = contentLength === 0;
  const expectsContinue = expectation === '100-continue';
  return Object.assign(line, { fields, host, contentLength, keepAlive, expectsContinue, complete, body: NO_BODY });
}

/** RFC 9110 section 15.5.14. */
export const bodyTooLarge = (maxBytes: number) =>
  new HttpError(413, `the body exceeds ${maxBytes} bytes: send less, or ask the operator to raise MAX_MESSAGE_BYTES`);

/** RFC 9112 sections 3.2 and 3.2.2 (absolute form). */
function judgeHost({ version, authority }: RequestLine, fields: Fields): string | undefined {
  const host = fields.single('host');
  if (host === undefined && version === '1.1') throw badRequest('the request has no Host');
  if (host !== undefined && !HOST.test(host)) throw badRequest('the Host is not one valid host, port or no port');
  if (host !== undefined && authority !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    throw badRequest('the target names another host than the Host does');
  }
  return host ?? authority;
}

/** The length of the body in bytes; undefined: it is chunked (RFC 9112 section 6.3). */
function judgeFraming({ version }: RequestLine, fields: Fields): number | undefined {
  const length = fields.single('content-length');
  const coding = fields.get('transfer-encoding')?.toLowerCase();
  if (coding === undefined) {
    // RFC 9110 section 8.6; leading zeros are octal to some. Not exact beyond 2^53, and far above any limit there.
    if (length !== undefined && !DECIMAL.test(length)) throw badRequest('the Content-Length is not a decimal number');
    return Number(length ?? 0);
  }
  if (version === '1.0') throw badRequest('HTTP/1.0 has no Transfer-Encoding: send a Content-Length');
  if (length !== undefined) throw badRequest('the request has a Content-Length and a Transfer-Encoding: send one');
  if (coding === 'chunked') return undefined;
  // RFC 9112 sections 6.1 (501) and 6.3 (400: where the body ends is not known).
  if (CODINGS_AND_CHUNKED.test(coding)) throw new HttpError(501, 'unsupported Transfer-Encoding: only chunked');
  throw badRequest('the Transfer-Encoding does not end in chunked, once: send chunked alone');
}

/** RFC 9112 section 9.3; old clients of proxies say it in Proxy-Connection (appendix C.2.2). */
function judgeKeepAlive({ version }: RequestLine, fields: Fields): boolean {
  const options = [...fields.list('connection'), ...fields.list('proxy-connection')];
  // Behind a request to upgrade the bytes may be of another protocol (RFC 9110 section 7.8).
  const upgrades = options.includes('upgrade') && fields.names.includes('upgrade');
  return !upgrades && persists(version, options);
}
