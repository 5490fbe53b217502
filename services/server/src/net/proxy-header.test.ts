import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { MAX_V1_BYTES, MAX_V2_BYTES, parseProxyHeader, V2_SIGNATURE } from './proxy-header.ts';

const parse = (bytes: string) => parseProxyHeader(Buffer.from(bytes, 'latin1'));

/** Version 2: command, family and transport, addresses, extensions; `length` overrides the true one. */
function v2(command: number, family: number, addresses = '', { extensions = '', length = NaN } = {}): string {
  const rest = addresses + extensions;
  const size = Number.isNaN(length) ? rest.length : length;
  return V2_SIGNATURE + String.fromCharCode(command, family, size >> 8, size & 0xff) + rest;
}

const bytes = (...values: number[]) => String.fromCharCode(...values);
const IPV4 = bytes(203, 0, 113, 7, 198, 51, 100, 1) + bytes(0x12, 0x34, 0x2e, 0xe0);
const IPV6 =
  bytes(0x20, 1, 0xd, 0xb8) + bytes(...Array<number>(11).fill(0)) + bytes(9) + bytes(...Array<number>(16).fill(1));
const PORTS = bytes(0xff, 0xff, 0, 1);

const GOOD: [string, string, { address: string; port: number } | undefined][] = [
  ['TCP4', 'PROXY TCP4 203.0.113.7 198.51.100.1 4660 12000\r\n', { address: '203.0.113.7', port: 4660 }],
  ['TCP6', 'PROXY TCP6 2001:DB8:0::9 ::1 65535 1\r\n', { address: '2001:db8::9', port: 65_535 }],
  ['TCP6 with a mapped address', 'PROXY TCP6 ::ffff:203.0.113.7 ::1 0 1\r\n', { address: '203.0.113.7', port: 0 }],
  ['UNKNOWN', 'PROXY UNKNOWN\r\n', undefined],
  ['UNKNOWN with addresses', 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n', undefined],
  ['PROXY, IPv4', v2(0x21, 0x11, IPV4), { address: '203.0.113.7', port: 4660 }],
  [
    'PROXY, IPv4, with extensions',
    v2(0x21, 0x11, IPV4, { extensions: '\x04\0\x01x' }),
    { address: '203.0.113.7', port: 4660 },
  ],
  ['PROXY, IPv6', v2(0x21, 0x21, IPV6 + PORTS), { address: '2001:db8::9', port: 65_535 }],
  ['LOCAL', v2(0x20, 0x00), undefined],
  ['LOCAL with addresses', v2(0x20, 0x11, IPV4), undefined],
  ['PROXY, unspecified', v2(0x21, 0x00), undefined],
  ['PROXY, UDP', v2(0x21, 0x12, IPV4), undefined],
  ['PROXY, UNIX', v2(0x21, 0x31, 'x'.repeat(216)), undefined],
];

test.each(GOOD)('reads %s, and leaves what follows', (_name, header, client) => {
  const version = header.startsWith('PROXY') ? 1 : 2;
  for (const rest of ['', 'PROXY UNKNOWN\r\n', '\0\0\0\x01x']) {
    expect(parse(header + rest)).toEqual({ version, length: header.length, client });
  }
});

test.each(GOOD)('waits for the last byte of %s', (_name, header) => {
  for (let length = 1; length < header.length; length += 1) expect(parse(header.slice(0, length))).toBe('partial');
});

test.each([
  ['a line end without CR', 'PROXY TCP4 203.0.113.7 198.51.100.1 4660 12000\n', 'CR'],
  ['no family', 'PROXY \r\n', 'TCP4'],
  ['another family', 'PROXY UDP4 203.0.113.7 198.51.100.1 4660 12000\r\n', 'TCP4'],
  ['a family in lower case', 'PROXY tcp4 203.0.113.7 198.51.100.1 4660 12000\r\n', 'TCP4'],
  ['an address of the other family', 'PROXY TCP4 ::1 ::1 1 2\r\n', 'TCP4 address'],
  ['an address with a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n', 'TCP6 address'],
  ['a second space', 'PROXY TCP4  203.0.113.7 198.51.100.1 4660 12000\r\n', 'TCP4 address'],
  ['an octet with a leading zero', 'PROXY TCP4 203.0.113.07 198.51.100.1 4660 12000\r\n', 'TCP4 address'],
  ['no port', 'PROXY TCP4 203.0.113.7 198.51.100.1 4660\r\n', 'port'],
  ['a port above 65535', 'PROXY TCP4 203.0.113.7 198.51.100.1 65536 12000\r\n', 'port'],
  ['a port with a leading zero', 'PROXY TCP4 203.0.113.7 198.51.100.1 080 12000\r\n', 'port'],
  ['a word too many', 'PROXY TCP4 203.0.113.7 198.51.100.1 4660 12000 x\r\n', 'port'],
  ['no end', `PROXY UNKNOWN ${'x'.repeat(MAX_V1_BYTES - 14)}`, '107'],
  ['another version', v2(0x31, 0x11, IPV4), 'version 2'],
  ['another command', v2(0x22, 0x11, IPV4), 'version 2'],
  ['another family of version 2', v2(0x21, 0x41, IPV4), 'family'],
  ['another transport', v2(0x21, 0x13, IPV4), 'family'],
  ['too few bytes for IPv4', v2(0x21, 0x11, IPV4.slice(1)), 'short'],
  ['too few bytes for IPv6', v2(0x21, 0x21, IPV6), 'short'],
  ['too much, judged by its length', v2(0x21, 0x11, '', { length: MAX_V2_BYTES - 15 }), '2048'],
])('names what is malformed: %s', (_name, header, why) => {
  expect(parse(header)).toEqual({ malformed: expect.stringContaining(why) });
});

test('reads the longest headers', () => {
  expect(parse(`PROXY UNKNOWN ${'x'.repeat(MAX_V1_BYTES - 16)}\r\n`)).toMatchObject({ length: MAX_V1_BYTES });
  const extensions = 'x'.repeat(MAX_V2_BYTES - 16 - IPV4.length);
  expect(parse(v2(0x21, 0x11, IPV4, { extensions }))).toMatchObject({ length: MAX_V2_BYTES });
});

test.each([
  'GET / HTTP/1.1',
  'Hello',
  '\0\0\0\x05Hello',
  '\x16\x03\x01',
  'PROXYX',
  'P\r\n',
  '\r\n\r\n\0\r\nQUIT\r',
  '\n',
])('is missing from %j', (head) => expect(parse(head)).toBe('missing'));

describe('however the bytes are cut', () => {
  test('a decision stays as it is when more bytes come', () => {
    const head = fc.oneof(
      fc.constantFrom(...GOOD.map(([, header]) => header)),
      fc.string({
        unit: fc.constantFrom('PROXY ', 'TCP4', ' ', '1.2.3.4', '1', '\r\n', '\n', V2_SIGNATURE, '\x21', '\x11', '\0'),
      }),
    );
    fc.assert(
      fc.property(head, fc.string({ unit: 'binary-ascii' }), (before, after) => {
        const whole = parse(`${before}${after}x`);
        for (let length = 1; length <= before.length; length += 1) {
          const decided = parse(before.slice(0, length));
          if (decided !== 'partial') expect(decided).toEqual(whole);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
