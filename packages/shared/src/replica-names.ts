/** How containers are called by people: `client-3`, out of what the reverse look-up of an address says. */
import { Resolver } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

/** A name is worth a short wait and no more: it is for people, and nothing depends on it. */
const LOOK_UP_TIMEOUT_MS = 300;

/** The name of an address, or the address itself where nobody knows a name for it in 300 ms. */
export async function nameOf(address: string): Promise<string> {
  if (isLoopback(address)) return 'localhost';
  const names = await reverse(address);
  return names[0] === undefined ? address : replicaName(names[0]);
}

/** Whether an address is this very machine's (RFC 5735 section 3, RFC 4291 section 2.5.3). */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** The name of this machine or container: what others see who look its address up, else its host name. */
export async function ownName(): Promise<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((interfaces = []) => interfaces);
  const own = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
  const names = own === undefined ? [] : await reverse(own.address);
  return names[0] === undefined ? hostname() : replicaName(names[0]);
}

/**
 * Asks the network's DNS, and not the hosts file as `reverse` would: a container's own knows nothing but its id.
 * Names of IPv6 addresses are not asked for.
 */
function reverse(address: string): Promise<string[]> {
  if (!isIPv4(address)) return Promise.resolve([]);
  const resolver = new Resolver({ timeout: LOOK_UP_TIMEOUT_MS, tries: 1 });
  return resolver.resolvePtr(`${address.split('.').toReversed().join('.')}.in-addr.arpa`).catch(() => []);
}

/**
 * Compose answers `knock-client-3.knock_knock` and Swarm `knock_client.3.<task id>.knock_knock`: what the network's
 * name and the container's begin with is the project, and says nothing. Any other name stays as it is.
 */
export function replicaName(reverseName: string): string {
  const [container = '', ...rest] = reverseName.split('.');
  const network = rest.at(-1) ?? '';
  // A project's name may hold underscores, too: the longest one that fits both is it.
  for (let end = network.lastIndexOf('_'); end > 0; end = network.lastIndexOf('_', end - 1)) {
    const project = network.slice(0, end);
    if (!['-', '_'].some((separator) => container.startsWith(project + separator))) continue;
    const service = container.slice(project.length + 1);
    return rest.length > 1 ? `${service}-${rest[0]}` : service;
  }
  return reverseName;
}
