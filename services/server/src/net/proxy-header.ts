/**
 * The header of the PROXY protocol, in which a proxy announces its client's address: a pure function, with the same result
 * however the network cuts the bytes. Both versions are specified in HAProxy's `doc/proxy-protocol.txt`.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** The longest header of version 1 in bytes, its line end included (section 2.1 of the specification). */
export const MAX_V1_BYTES = 107;
/** The longest header of version 2 that we read, in bytes: addresses take 232 at most, the rest are extensions (TLVs). */
export const MAX_V2_BYTES = 2048;

export const V1_START = 'PROXY ';
export const V2_SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const V2_FIXED_BYTES = 16;

export interface ProxyHeader {
  version: 1 | 2;
  /** The header's length in bytes: the client's own bytes follow. */
  length: number;
  /** Undefined: the proxy speaks for itself (`LOCAL`, a health check), or does not tell (`UNKNOWN`). */
  client: { address: string; port: number } | undefined;
}

/** `partial`: more bytes are needed. `missing`: the bytes begin otherwise. */
export type ParsedProxyHeader = ProxyHeader | 'partial' | 'missing' | { malformed: string };

/** `head`: all bytes of the connection so far. */
export function parseProxyHeader(head: Buffer): ParsedProxyHeader {
  const start = head.toString('latin1', 0, V2_SIGNATURE.length);
  if (start.startsWith(V1_START)) return parseV1(head.toString('latin1', 0, MAX_V1_BYTES));
  if (start === V2_SIGNATURE) return parseV2(head);
  return V1_START.startsWith(start) || V2_SIGNATURE.startsWith(start) ? 'partial' : 'missing';
}

/** Version 1: one line of text, such as `PROXY TCP4 192.0.2.1 198.51.100.7 56324 443`. */
function parseV1(text: string): ParsedProxyHeader {
  const lineFeed = text.indexOf('\n');
  if (lineFeed < 0) return text.length < MAX_V1_BYTES ? 'partial' : { malformed: `longer than ${MAX_V1_BYTES} bytes` };
  if (text[lineFeed - 1] !== '\r') return { malformed: 'its line ends without CR' };
  const [, family, ...words] = text.slice(0, lineFeed - 1).split(' ');
  const length = lineFeed + 1;
  // What follows UNKNOWN must be ignored.
  if (family === 'UNKNOWN') return { version: 1, length, client: undefined };
  const isAddress = IS_ADDRESS[family!];
  if (!isAddress) return { malformed: 'it names none of TCP4, TCP6 and UNKNOWN' };
  const [source, destination, port, destinationPort, ...rest] = words;
  if (![source, destination].every((word) => isAddress(word ?? ''))) return { malformed: `no ${family} address` };
  if (![port, destinationPort].every(isPort) || rest.length > 0) return { malformed: 'no port' };
  return { version: 1, length, client: { address: canonical(source!), port: Number(port) } };
}

const IS_ADDRESS: Record<string, (word: string) => boolean> = { TCP4: isIPv4, TCP6: isPlainIPv6 };

/** A zone (`fe80::1%eth0`) has a meaning on one machine only. */
function isPlainIPv6(word: string): boolean {
  return isIPv6(word) && !word.includes('%');
}

function isPort(word = ''): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(word) && Number(word) <= 65_535;
}

/** Version 2: signature, version and command, family and transport, length of the rest (section 2.2). */
function parseV2(head: Buffer): ParsedProxyHeader {
  if (head.length < V2_FIXED_BYTES) return 'partial';
  const [versionAndCommand, familyAndTransport] = [head[12]!, head[13]!];
  const length = V2_FIXED_BYTES + head.readUInt16BE(14);
  const command = COMMANDS[versionAndCommand];
  const addressBytes = ADDRESS_BYTES[familyAndTransport >> 4];
  if (command === undefined) return { malformed: 'neither LOCAL nor PROXY of version 2' };
  if (addressBytes === undefined || (familyAndTransport & 0x0f) > 2) return { malformed: 'unknown address family' };
  if (length > MAX_V2_BYTES) return { malformed: `longer than ${MAX_V2_BYTES} bytes` };
  if (command === 'PROXY' && length < V2_FIXED_BYTES + addressBytes)
    return { malformed: 'too short for its addresses' };
  if (head.length < length) return 'partial';
  const client = command === 'PROXY' ? readClient(head, familyAndTransport) : undefined;
  return { version: 2, length, client };
}

const COMMANDS: Record<number, 'LOCAL' | 'PROXY'> = { 0x20: 'LOCAL', 0x21: 'PROXY' };

/** By family: unspecified, IPv4, IPv6, UNIX. */
const ADDRESS_BYTES = [0, 12, 36, 216];

const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/** Undefined for other families: the specification wants them accepted, and their addresses ignored. */
function readClient(head: Buffer, familyAndTransport: number): ProxyHeader['client'] {
  if (familyAndTransport === TCP_OVER_IPV4) {
    return { address: head.subarray(16, 20).join('.'), port: head.readUInt16BE(24) };
  }
  if (familyAndTransport !== TCP_OVER_IPV6) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => head.readUInt16BE(16 + 2 * index).toString(16));
  return { address: canonical(groups.join(':')), port: head.readUInt16BE(48) };
}

/** One spelling for each address (RFC 5952), since connections are counted by address. */
function canonical(address: string): string {
  if (isIPv4(address)) return address;
  return new SocketAddress({ address, family: 'ipv6' }).address.replace(/^::ffff:(?=\d+\.)/, '');
}
