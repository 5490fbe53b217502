/**
 * Protects against DNS rebinding and cross-site requests: checks `Host`, `Origin` and the Fetch Metadata fields. A browser
 * sends requests for any site, and says which one in fields that no page can set.
 */
import { isIP } from 'node:net';

import type { HttpRequest } from '@knock/shared/codec/http/request';

/** Why the request gets a 403; undefined: it is allowed. `allowed`: names in lower case. */
export function guard(request: HttpRequest, allowed: readonly string[]): string | undefined {
  if (request.host !== undefined && !isAllowedHost(request.host, allowed))
    return 'Host not allowed: use localhost or an IP address, or add the name to ALLOWED_HOSTS';
  if (isFromForeignPage(request, allowed))
    return 'cross-site request rejected: only pages of this server may send requests';
  return undefined;
}

/**
 * DNS rebinding: a page of another site makes a browser send requests here under that site's own name. Such a name has a
 * dot and is not on the list. `host`: a valid host, with or without a port (RFC 9110 section 7.2).
 */
export function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  if (!host.includes('.')) return true;
  const name = hostName(host.toLowerCase());
  return !name.includes('.') || isIP(name) !== 0 || name.endsWith('.localhost') || allowed.includes(name);
}

/** The name without port, IPv6 brackets and trailing dot (RFC 3986 section 3.2.2). */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(host);
  return bracketed ? bracketed[1]! : host.replace(/:\d*$/, '').replace(/\.$/, '');
}

/**
 * Whether a page of another site made this request. Pages of this server may send anything, and so may clients that are no
 * browsers; other sites may only link here.
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

/** Same origin as `Host`, or an allowed name: behind a proxy the two may differ. */
function isOwnOrigin(origin: string, host: string | undefined, allowed: readonly string[]): boolean {
  const page = URL.parse(origin)?.host;
  if (page === undefined || page === '') return false;
  return page === host?.toLowerCase() || allowed.includes(hostName(page));
}
