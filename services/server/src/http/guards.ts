/**
 * Which requests may come in by their Host and by the page that sent them. A browser sends requests on behalf of any site,
 * and says so in fields that no page can set.
 */
import { isIP } from 'node:net';

import type { HttpRequest } from '@knock/shared/codec/http/request';

/** What is wrong with the request, for a response 403; undefined: nothing. `allowed`: names in lower case. */
export function guard(request: HttpRequest, allowed: readonly string[]): string | undefined {
  if (request.host !== undefined && !isAllowedHost(request.host, allowed))
    return 'this server does not answer to the name in the Host field: ALLOWED_HOSTS can list it';
  if (isFromForeignPage(request, allowed)) return 'this server does not answer to pages of other sites';
  return undefined;
}

/**
 * A page of another site can make a browser send requests here under that site's own name (DNS rebinding). Such a name has
 * a dot, and is not on the list. `host`: a valid host, with or without a port (RFC 9110 section 7.2).
 */
export function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  if (!host.includes('.')) return true;
  const name = hostName(host.toLowerCase());
  return !name.includes('.') || isIP(name) !== 0 || name.endsWith('.localhost') || allowed.includes(name);
}

/** Without a port, without the brackets of IPv6, and without the dot that may end a full name (RFC 3986 section 3.2.2). */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(host);
  return bracketed ? bracketed[1]! : host.replace(/:\d*$/, '').replace(/\.$/, '');
}

/**
 * Whether another site's page made this request. Pages of this very server may send what they like, and so may whatever is
 * no browser; from elsewhere only a link may lead here.
 *
 * Sources: RFC 6454 section 7 (`Origin`), W3C Fetch Metadata Request Headers (`Sec-Fetch-*`).
 */
export function isFromForeignPage({ method, host, fields }: HttpRequest, allowed: readonly string[]): boolean {
  const origin = fields.get('origin');
  if (origin !== undefined && !isOwnOrigin(origin, host, allowed)) return true;
  const site = fields.get('sec-fetch-site');
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  const isLink = fields.get('sec-fetch-mode') === 'navigate' && fields.get('sec-fetch-dest') === 'document';
  return !(method === 'GET' && isLink);
}

/** A page of this server, under the name by which the request calls it; or under a listed one, where a proxy calls it by another. */
function isOwnOrigin(origin: string, host: string | undefined, allowed: readonly string[]): boolean {
  const page = URL.parse(origin)?.host;
  if (page === undefined || page === '') return false;
  return page === host?.toLowerCase() || allowed.includes(hostName(page));
}
