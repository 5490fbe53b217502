/** The first line of a request: method, target and version (RFC 9112 section 3). */
import { METHODS } from 'node:http';

import { HeadFormat } from './head.ts';
import { badRequest, HttpError } from './http-error.ts';
import { TOKEN } from './line.ts';

export interface RequestLine {
  readonly method: string;
  readonly target: string;
  /** Up to `?`, as it was sent: neither decoded nor normalised, so `/a/../b` is not `/b`. */
  readonly path: string;
  readonly query: string;
  /** The host and port of a target in absolute form. */
  readonly authority: string | undefined;
  readonly version: '1.0' | '1.1';
}

const KNOWN_METHODS = new Set(METHODS);
const VERSION = /^HTTP\/\d\.\d$/;
/** Printable ASCII without `#`, which clients never send, and without `\`, which some servers read as `/`. */
const TARGET = /^[!"$-[\]-~]+$/;
const ENCODED_CONTROL = /%(?:[01][\da-f]|7f)/i;
const ABSOLUTE = /^https?:\/\/(?<authority>[^/?]+)(?<path>.*)$/i;
/** One host, with or without a port: RFC 9110 section 7.2, without characters that could make it a list or a path. */
export const HOST = /^(?:[\w.~-]+|\[[\da-f:.]+\])(?::\d{0,5})?$/i;

export const REQUEST_HEAD = new HeadFormat(
  'request',
  parseRequestLine,
  (maxBytes) => new HttpError(414, `the request line exceeds ${maxBytes} bytes: send a shorter target`),
);

/** Parses a line without its CR LF. Throws an {@link HttpError}. */
export function parseRequestLine(line: string): RequestLine {
  const methodEnd = line.indexOf(' ');
  const targetEnd = line.indexOf(' ', methodEnd + 1);
  // RFC 9112 section 3: a server that splits at other white space may see another target than the proxy in front of it.
  if (methodEnd < 1 || targetEnd <= methodEnd + 1 || line.includes(' ', targetEnd + 1)) {
    throw badRequest('malformed request line: send a method, a target and HTTP/1.1, separated by single spaces');
  }
  // The version first: in another one the rest may have another meaning.
  const version = parseVersion(line.slice(targetEnd + 1));
  const method = line.slice(0, methodEnd);
  if (method === 'CONNECT') throw new HttpError(405, 'CONNECT is not supported', { allow: 'GET, HEAD, OPTIONS, POST' });
  const target = line.slice(methodEnd + 1, targetEnd);
  const { authority, path } = parseTarget(target, method);
  if (!KNOWN_METHODS.has(method)) {
    // RFC 9110 section 9.1.
    if (TOKEN.test(method)) throw new HttpError(501, 'unknown method: names are case-sensitive, as in GET and POST');
    throw badRequest('the method is not a token: send one such as GET or POST');
  }
  const pathEnd = path.includes('?') ? path.indexOf('?') : path.length;
  return { method, target, path: path.slice(0, pathEnd), query: path.slice(pathEnd + 1), authority, version };
}

/** RFC 9112 section 2.3; RFC 9110 section 15.6.6 (505). */
function parseVersion(text: string): '1.0' | '1.1' {
  if (text === 'HTTP/1.1') return '1.1';
  if (text === 'HTTP/1.0') return '1.0';
  if (VERSION.test(text)) throw new HttpError(505, 'unsupported version: send HTTP/1.1 or HTTP/1.0');
  throw badRequest('the request line does not end in a version: send HTTP/1.1 or HTTP/1.0');
}

/** RFC 9112 section 3.2. The path includes the query. */
function parseTarget(target: string, method: string): Pick<RequestLine, 'authority' | 'path'> {
  if (!TARGET.test(target)) throw badRequest('the target contains #, \\ or a byte that must be percent-encoded');
  // Once decoded, it could end a line of a log or of another request.
  if (ENCODED_CONTROL.test(target)) throw badRequest('the target contains a percent-encoded control character');
  if (target.startsWith('/')) return { authority: undefined, path: target };
  if (target === '*') {
    // RFC 9112 section 3.2.4.
    if (method !== 'OPTIONS') throw badRequest('the target * is only for OPTIONS');
    return { authority: undefined, path: target };
  }
  const { authority, path } = ABSOLUTE.exec(target)?.groups ?? {};
  if (authority === undefined) throw badRequest('the target is neither a path that begins with / nor an http URL');
  // RFC 9110 sections 4.2.1 (an empty host) and 4.2.4 (userinfo).
  if (!HOST.test(authority)) throw badRequest('the target must name one valid host, without a user name');
  return { authority, path: path!.startsWith('/') ? path! : `/${path}` };
}
