/** Readable names of containers, such as `client-3`, from the reverse lookup of their addresses. */
import { Resolver } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

/** Short: a name is for people, and nothing depends on it. */
const LOOKUP_TIMEOUT_MS = 300;

/** The name of an address, or the address itself if no name is found within 300 ms. */
export async function nameOf(address: string): Promise<string> {
  if (isLoopback(address)) return 'localhost';
  const names = await reverse(address);
  return names[0] === undefined ? address : replicaName(names[0]);
}

/** Whether it is a loopback address (RFC 5735 section 3, RFC 4291 section 2.5.3). */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** The name of this machine or container, as a reverse lookup shows it to others, else its host name. */
export async function ownName(): Promise<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((interfaces = []) => interfaces);
  const own = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
  const names = own === undefined ? [] : await reverse(own.address);
  return names[0] === undefined ? hostname() : replicaName(names[0]);
}

/** Queries DNS, not the hosts file as `dns.reverse` would: a container's own knows only its id. IPv4 only. */
function reverse(address: string): Promise<string[]> {
  if (!isIPv4(address)) return Promise.resolve([]);
  const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: 1 });
  return resolver.resolvePtr(`${address.split('.').toReversed().join('.')}.in-addr.arpa`).catch(() => []);
}

/**
 * Compose answers `knock-client-3.knock_knock`, Swarm `knock_client.3.<task id>.knock_knock`. The common prefix of network
 * and container is the project, and is dropped. Any other name is returned unchanged.
 */
export function replicaName(reverseName: string): string {
  const [container = '', ...rest] = reverseName.split('.');
  const network = rest.at(-1) ?? '';
  // A project's name may contain underscores: the longest common prefix wins.
  for (let end = network.lastIndexOf('_'); end > 0; end = network.lastIndexOf('_', end - 1)) {
    const project = network.slice(0, end);
    if (!['-', '_'].some((separator) => container.startsWith(project + separator))) continue;
    const service = container.slice(project.length + 1);
    return rest.length > 1 ? `${service}-${rest[0]}` : service;
  }
  return reverseName;
}
