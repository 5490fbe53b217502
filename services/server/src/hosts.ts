/**
 * Which names a web caller may use for this server. A page of a stranger can make a browser send requests here under
 * the stranger's own name (DNS rebinding); such a name has a dot, and is not on the list.
 */
import { isIP } from 'node:net';

/** RFC 3986 section 3.2.2. */
const REGISTERED_NAME = /^[\w.~%!$&'()*+,;=-]+$/;

/** `host`: the value of a `Host` header (RFC 9110 section 7.2), with or without a port. `allowed`: names in lower case. */
export function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  const name = hostName(host.toLowerCase());
  if (isIP(name) !== 0) return true;
  if (!REGISTERED_NAME.test(name)) return false;
  return !name.includes('.') || name.endsWith('.localhost') || allowed.includes(name);
}

function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  return bracketed ? bracketed[1]! : host.replace(/:\d*$/, '');
}
