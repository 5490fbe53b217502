/**
 * Which requests come from the page of a stranger: a browser sends those on anybody's behalf, and says so in headers that
 * no page can set.
 */
import type { IncomingMessage } from 'node:http';

/**
 * Whether another site's page made this request. Pages of this very server may send what they like, and so may
 * whatever is no browser; from elsewhere only a link may lead here.
 *
 * Sources: RFC 6454 section 7 (`Origin`), W3C Fetch Metadata Request Headers (`Sec-Fetch-*`).
 */
export function isFromForeignPage({ method, headers }: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin !== undefined && !isOwnOrigin(origin, host, allowed)) return true;
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  return !(method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document');
}

/**
 * A page of this server, under the name by which the request calls it; or under one that is listed, where a proxy calls it
 * by another.
 */
function isOwnOrigin(origin: string, host: string | undefined, allowed: readonly string[]): boolean {
  const page = URL.parse(origin)?.host;
  if (page === undefined || page === '') return false;
  return page === host?.toLowerCase() || allowed.includes(page.replace(/:\d+$/, ''));
}
