import { expect, test } from 'vitest';

import { parseTrustedProxies } from '../src/net/trusted-proxies.ts';
import { type RawClient, frame } from './raw-client.ts';
import { start, type TestServer } from './test-server.ts';

const TRUSTED_PROXIES = parseTrustedProxies('127.0.0.0/8');
const HEADER = 'PROXY TCP4 203.0.113.7 198.51.100.1 4660 12000\r\n';
const V2_HEADER = Buffer.from('0d0a0d0a000d0a515549540a2111000ccb007107c633640112342ee0', 'hex');
const V2_LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;

/** A server whose replies name the address of the client, as its handler sees it. */
function behindProxy(settings: Parameters<typeof start>[0] = {}): Promise<TestServer> {
  return start({ TRUSTED_PROXIES, handler: (_message, client) => client.address, ...settings });
}

const warning = ({ lines }: TestServer) => lines.find(({ level }) => level === 40)?.msg;

test.each([
  ['version 1', Buffer.from(HEADER)],
  ['version 2', V2_HEADER],
])('shows the handler and the log the client that a header of %s announces', async (_name, header) => {
  await using server = await behindProxy();
  expect(await server.exchange(Buffer.concat([header, frame('who am I?')]))).toBe(frame('203.0.113.7').toString());
  await server.expectReasons('completed');
  expect(server.lines.at(-1)).toMatchObject({ address: '203.0.113.7', bytesIn: header.length + 13 });
});

test('reads a header that comes byte by byte, before every protocol', async () => {
  await using server = await behindProxy();
  for (const message of ['who am I?\n', GET('/'), frame('who am I?')]) {
    const client = await server.dial();
    await client.drip(Buffer.concat([V2_HEADER, Buffer.from(message)]));
    client.end();
    expect((await client.closed()).toString()).toContain('203.0.113.7');
  }
});

test.each([
  ['LOCAL', V2_LOCAL],
  ['UNKNOWN', 'PROXY UNKNOWN\r\n'],
])('keeps the address of the proxy after %s', async (_name, header) => {
  await using server = await behindProxy();
  const client = await server.dial();
  client.send(header);
  client.end('who am I?\n');
  expect((await client.closed()).toString()).toBe('127.0.0.1\n');
});

test('logs the health check of a proxy at debug, with and without a header', async () => {
  await using server = await behindProxy();
  for (const bytes of ['', V2_LOCAL]) expect(await server.exchange(bytes)).toBe('');
  await server.expectReasons('client_closed', 'client_closed');
  expect(server.lines.filter(({ level }) => Number(level) > 20)).toEqual([]);
});

test('closes a malformed header, and says what is malformed', async () => {
  await using server = await behindProxy();
  expect(await server.exchange('PROXY TCP4 one two 1 2\r\nwho am I?\n')).toBe('');
  await server.expectReasons('proxy_error');
  expect(warning(server)).toContain('a malformed PROXY header (no TCP4 address) from 127.0.0.1');
  expect(warning(server)).toContain('TRUSTED_PROXIES');
});

test('closes a header that does not end, at half-close and after FIRST_BYTE_TIMEOUT_MS', async () => {
  await using server = await behindProxy({ FIRST_BYTE_TIMEOUT_MS: 300 });
  expect(await server.exchange(V2_HEADER.subarray(0, 20))).toBe('');
  const client = await server.dial();
  client.send(HEADER.slice(0, 20));
  await client.closed();
  await server.expectReasons('proxy_error', 'proxy_error');
  expect(warning(server)).toContain('an incomplete PROXY header');
});

test('closes a trusted proxy that sends nothing after FIRST_BYTE_TIMEOUT_MS', async () => {
  await using server = await behindProxy({ FIRST_BYTE_TIMEOUT_MS: 300 });
  await (await server.dial()).closed();
  await server.expectReasons('first_byte_timeout');
});

test('answers probes of its own machine without a header, and nothing else', async () => {
  await using server = await behindProxy();
  expect(await server.exchange(GET('/healthz'))).toContain('200 OK');
  expect(await server.exchange(GET('/'))).toContain('PROXY header (TRUSTED_PROXIES)');
  expect(await server.exchange(frame('me?'))).toContain('bad_frame: the connection must begin with a PROXY header');
  await server.expectReasons('completed', 'proxy_error', 'proxy_error');
});

test.each([
  ['version 1', HEADER],
  ['version 2', V2_HEADER],
])('closes a second header, of %s', async (_name, second) => {
  await using server = await behindProxy();
  expect(await server.exchange(Buffer.concat([V2_HEADER, Buffer.from(second)]))).toBe('');
  await server.expectReasons('proxy_error');
  expect(warning(server)).toContain('behind another one');
});

test.each([
  ['version 1', HEADER],
  ['version 2', V2_HEADER],
])('closes a header of %s from a stranger, and names the setting', async (_name, header) => {
  await using server = await start();
  const client = await server.dial();
  await client.drip(header);
  client.end('who am I?\n');
  expect((await client.closed()).toString()).toBe('');
  await server.expectReasons('proxy_error');
  expect(warning(server)).toContain('add 127.0.0.1 to TRUSTED_PROXIES');
});

test('closes a proxy in a drain that has not sent its header', async () => {
  await using server = await behindProxy();
  const client = await server.dial();
  await expect.poll(() => server.server.open, { interval: 5 }).toBe(1);
  void server.server.close();
  await client.closed();
  await server.expectReasons('drained');
});

/** A client that got a reply and stays connected. */
async function guest(server: TestServer, address?: string): Promise<RawClient> {
  const client = await server.dial();
  if (address !== undefined) client.send(`PROXY TCP4 ${address} 198.51.100.1 4660 12000\r\n`);
  client.send(frame('here I am'));
  await client.until(frame(address ?? '127.0.0.1'));
  return client;
}

test('sends busy to a client whose address holds MAX_CONNECTIONS_PER_ADDRESS, and serves it once one has closed', async () => {
  await using server = await behindProxy({ TRUSTED_PROXIES: undefined, MAX_CONNECTIONS_PER_ADDRESS: 2 });
  const [first] = [await guest(server), await guest(server)];
  expect(await server.exchange(frame('me too'))).toContain('busy: limit of 2 connections from one address reached');
  expect(await server.exchange(GET('/readyz'))).toContain('200 OK');
  first.end();
  await first.closed();
  await guest(server);
});

test('counts the addresses that a trusted proxy announces', async () => {
  await using server = await behindProxy({ MAX_CONNECTIONS_PER_ADDRESS: 1 });
  await guest(server, '203.0.113.7');
  await guest(server, '203.0.113.8');
  expect(await server.exchange(`${HEADER}me too\n`)).toContain('error: busy: limit of 1 connections');
});
