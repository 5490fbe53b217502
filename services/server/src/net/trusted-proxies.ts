/** The setting TRUSTED_PROXIES: from which addresses a connection must begin with a PROXY header. */
import { BlockList, isIP } from 'node:net';

/** Throws a `RangeError` that names the entry which is neither an address nor a CIDR. Undefined: nobody is trusted. */
export function parseTrustedProxies(entries: string): BlockList | undefined {
  const list = new BlockList();
  const names = entries.split(',').map((entry) => entry.trim());
  for (const entry of names.filter(Boolean)) add(list, entry);
  return names.some(Boolean) ? list : undefined;
}

function add(list: BlockList, entry: string): void {
  const [address = '', bits, ...rest] = entry.split('/');
  const version = isIP(address);
  const maxBits = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? maxBits : Number(bits);
  const isNumber = bits === undefined || /^\d{1,3}$/.test(bits);
  if (version === 0 || address.includes('%') || !isNumber || prefix > maxBits || rest.length > 0) {
    throw new RangeError(`must be addresses or CIDRs separated by commas, such as 10.0.0.0/8: ${entry} is neither`);
  }
  list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6');
}
