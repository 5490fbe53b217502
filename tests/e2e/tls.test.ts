/** TLS on the same port, client and server in this process. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

import { Client } from '@knock/client/delivery/client';
import { clientSettings } from '@knock/client/settings';
import { serverSettings } from '@knock/server/settings';
import { RawClient, frame } from '@knock/server/test/raw-client';
import { start, type TestServer } from '@knock/server/test/test-server';
import { readConfig } from '@knock/shared/config/config';
import { CLOCK_ERROR_MS } from '@knock/shared/test/clock-error';
import { pino } from 'pino';
import { afterAll, expect, test } from 'vitest';

import { Authority, type Pair } from '../../deploy/test-certificates.ts';
import { Program } from '../support/program.ts';

const directory = mkdtempSync(join(tmpdir(), 'knock-tls-'));
afterAll(() => rmSync(directory, { recursive: true }));

const authority = await Authority.create();
const stranger = await Authority.create('Somebody else');
const CA = file('ca.crt', authority.cert);
const BROKEN_CHAIN = file('broken.crt', `${authority.cert}${authority.cert.replace('MI', 'XX')}`);
const SERVER = pair('server', await authority.sign('server', { names: ['localhost'] }));
const CLIENT = pair('client', await authority.sign('client'));

function file(name: string, contents: string): string {
  const path = join(directory, name);
  writeFileSync(path, contents);
  return path;
}

/** The settings of a pair, the same for client and server. */
function pair(name: string, { cert, key }: Pair): Record<'TLS_CERT_FILE' | 'TLS_KEY_FILE', string> {
  return { TLS_CERT_FILE: file(`${name}.crt`, cert), TLS_KEY_FILE: file(`${name}.key`, key) };
}

/** A server with these environment variables. */
function serve(env: Record<string, string>, more: Parameters<typeof start>[0] = {}): Promise<TestServer> {
  const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE, TLS } = readConfig(serverSettings, env);
  return start({ TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE, TLS, ...more });
}

/** A TLS client; rejects if the handshake fails. */
async function dialTls({ port }: TestServer, options: ConnectionOptions = {}): Promise<RawClient> {
  const raw = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const socket = connectTls({ socket: raw, ca: authority.cert, servername: 'localhost', ...options });
  await once(socket, 'secureConnect');
  return new RawClient(socket);
}

async function exchangeTls(server: TestServer, bytes: Buffer | string, options?: ConnectionOptions): Promise<string> {
  const client = await dialTls(server, options);
  client.end(bytes);
  return (await client.closed()).toString();
}

/** Below every default timeout; the shortest is 10 s. */
const BEFORE_TIMEOUTS_MS = 8000;

const HTTP = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const PROBE = 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

test('speaks frames, text and HTTP inside TLS, on the same port', async () => {
  await using server = await serve(SERVER);
  expect(await exchangeTls(server, frame('Hello'))).toBe(frame('hello from the server!').toString());
  expect(await exchangeTls(server, 'Hello\n')).toBe('hello from the server!\n');
  expect(await exchangeTls(server, HTTP)).toMatch(/^HTTP\/1\.1 200 [^]*hello from the server!$/);
  await server.expectReasons('completed', 'completed', 'completed');
  expect(
    server.lines.filter(({ reason }) => reason === 'completed').map(({ tls, protocol }) => [tls, protocol]),
  ).toEqual([
    [true, 'frames'],
    [true, 'text'],
    [true, 'http'],
  ]);
});

test('replies to a text client inside TLS that pauses and waits', async () => {
  await using server = await serve(SERVER);
  const client = await dialTls(server);
  client.send('Hello, server');
  expect((await client.closed()).toString()).toBe('hello from the server!');
});

test.each([
  ['frames', frame('Hello'), /tls: TLS required/],
  ['text', 'Hello\n', /^error: tls: TLS required.*\n$/],
  ['HTTP', HTTP, /^HTTP\/1\.1 400 [^]*tls: TLS required/],
])('tells a client in %s without TLS that it is needed, and handles nothing', async (_what, bytes, answer) => {
  const heard: string[] = [];
  await using server = await serve(SERVER, { handler: (message) => `${heard.push(message)}` });
  expect(await server.exchange(bytes)).toMatch(answer);
  await server.expectReasons('tls_error');
  expect(heard).toEqual([]);
});

test('answers plain probes from localhost, even if TLS is required', async () => {
  for (const env of [SERVER, { ...SERVER, TLS: 'optional' }, { ...SERVER, TLS_CA_FILE: CA }]) {
    await using server = await serve(env);
    expect(await server.exchange(PROBE)).toContain('HTTP/1.1 200 ');
  }
});

test('with TLS=optional serves both', async () => {
  await using server = await serve({ ...SERVER, TLS: 'optional' });
  expect(await server.exchange('Hello\n')).toBe('hello from the server!\n');
  expect(await exchangeTls(server, 'Hello\n')).toBe('hello from the server!\n');
});

test('with a CA, serves only clients with its certificate, and sends others the reason', async () => {
  const heard: string[] = [];
  await using server = await serve(
    { ...SERVER, TLS_CA_FILE: CA },
    {
      handler: (message) => {
        heard.push(message);
        return message;
      },
    },
  );
  const known = await authority.sign('known');
  const unknown = await stranger.sign('unknown');
  const old = await authority.sign('old', { days: -2 });
  expect(await exchangeTls(server, 'me\n', known)).toBe('me\n');
  for (const options of [{}, unknown, old]) {
    expect(await exchangeTls(server, 'let me in\n', options)).toMatch(
      /^error: tls: client certificate required: present a valid one .*\n$/,
    );
    expect(await exchangeTls(server, frame('let me in'), options)).toContain('tls: ');
  }
  await server.expectReasons('completed', ...Array.from({ length: 6 }, () => 'tls_error' as const));
  expect(heard).toEqual(['me']);
});

test('the message timeout covers a whole handshake', async () => {
  await using server = await serve(SERVER, { MESSAGE_TIMEOUT_MS: 200 });
  const stalled = await server.dial();
  const began = performance.now();
  stalled.send(Buffer.from('1603010200010001fc0303', 'hex'));
  await stalled.closed();
  expect(performance.now() - began).toBeGreaterThanOrEqual(200 - CLOCK_ERROR_MS);
  // The default is ten seconds.
  expect(performance.now() - began).toBeLessThan(5000);
  await server.expectReasons('message_timeout');
  expect(await exchangeTls(server, 'Hello\n')).toBe('hello from the server!\n');
});

test('counts a failed handshake, and logs the reason', async () => {
  await using server = await serve(SERVER);
  const garbage = await server.dial();
  garbage.end(Buffer.from('1603010005ffffffffff', 'hex'));
  await garbage.closed();
  await using doubtful = new Program([
    'python3',
    '-c',
    `import socket, ssl; ssl.create_default_context().wrap_socket(
       socket.create_connection(('127.0.0.1', ${server.port})), server_hostname='localhost')`,
  ]);
  expect((await doubtful.ended()).stderr).toContain('CERTIFICATE_VERIFY_FAILED');
  await expect(dialTls(server, { ca: stranger.cert })).rejects.toThrow('unable to verify');
  await server.expectReasons('tls_error', 'tls_error', 'tls_error');
  const warnings = server.lines.filter(({ level }) => level === 40).map(({ msg }) => msg);
  expect(warnings).toEqual([
    expect.stringMatching(/^TLS handshake failed \(ERR_SSL_/),
    expect.stringMatching(
      /ALERT_UNKNOWN_CA\) for .*: it does not trust the certificate; give it the CA that signed it/,
    ),
    expect.stringMatching(/\(ECONNRESET\) for .*: it closed the connection; it may not trust the certificate/),
  ]);
  expect(await exchangeTls(server, 'Hello\n')).toBe('hello from the server!\n');
});

test('detects the protocol once inside TLS: TLS inside TLS is unknown', async () => {
  await using server = await serve(SERVER);
  expect(await exchangeTls(server, Buffer.from('1603010005ffffffffff', 'hex'))).toBe('');
  await server.expectReasons('tls_error');
});

test('accepts a handshake byte by byte', async () => {
  await using server = await serve(SERVER);
  const raw = await server.dial();
  raw.socket.setNoDelay(true);
  const write = raw.socket.write.bind(raw.socket);
  Object.assign(raw.socket, {
    write: (bytes: Buffer, ...rest: [never, never]) => {
      for (let at = 0; at < bytes.length - 1; at += 1) write(bytes.subarray(at, at + 1));
      return write(bytes.subarray(-1), ...rest);
    },
  });
  raw.socket.removeAllListeners('data');
  const inside = connectTls({ socket: raw.socket, ca: authority.cert, servername: 'localhost' });
  inside.end('Hello\n');
  expect(await text(inside)).toBe('hello from the server!\n');
});

test('disconnects a TLS client that does not read, and delays no other', async () => {
  const reply = 'x'.repeat(2 ** 20);
  await using server = await serve(SERVER, { WRITE_TIMEOUT_MS: 300, handler: () => reply });
  const [frames, http] = await Promise.all([dialTls(server), dialTls(server)]);
  for (const client of [frames, http]) client.socket.pause();
  frames.send(Buffer.alloc(4 * 64));
  http.send(HTTP.replace('Connection: close\r\n', '').repeat(64));
  const drip = setInterval(() => {
    for (const { socket } of [frames, http]) if (socket.writable) socket.write('\0');
  }, 40);
  await server.expectReasons('write_timeout', 'write_timeout');
  clearInterval(drip);
  expect(await exchangeTls(server, 'Hello\n')).toContain('xxx');
});

test('a TLS client that reads slowly gets its whole reply', async () => {
  const reply = 'x'.repeat(8 * 2 ** 20);
  // The whole reply takes longer.
  await using server = await serve(SERVER, { WRITE_TIMEOUT_MS: 2000, handler: () => reply });
  const client = await dialTls(server);
  client.socket.pause();
  const reading = setInterval(() => {
    client.socket.resume();
    setTimeout(() => client.socket.pause(), 5);
  }, 100);
  client.end(frame('Hello'));
  expect((await client.closed()).length).toBe(4 + reply.length);
  clearInterval(reading);
});

test('the error reply arrives inside TLS, although the client goes on sending', async () => {
  await using server = await serve(SERVER, { MAX_MESSAGE_BYTES: 100 });
  for (let run = 0; run < 10; run += 1) {
    const client = await dialTls(server);
    client.send(Buffer.concat([Buffer.from('00ffffff', 'hex'), Buffer.alloc(512 * 1024)]));
    expect.soft((await client.closed()).toString()).toContain('too_large: ');
    expect.soft(client.error).toBeUndefined();
  }
});

test('drains TLS clients, including those in a handshake', async () => {
  const entered = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<string>();
  const handler = (message: string) => {
    if (message !== 'wait') return message;
    entered.resolve();
    return opened.promise;
  };
  await using server = await serve(SERVER, { handler });
  const [idle, served] = await Promise.all([dialTls(server), dialTls(server)]);
  idle.send(frame('Hello'));
  await idle.until('Hello');
  const stalled = await server.dial();
  stalled.send(Buffer.from('16', 'hex'));
  served.send(frame('wait'));
  await entered.promise;
  const closing = server.server.close();
  // New clients get an error reply as long as any client is served.
  const newcomer = await exchangeTls(server, 'me\n');
  expect(newcomer).toMatch(/^error: busy: the server is shutting down/);
  opened.resolve('served');
  expect((await served.closed()).subarray(-4).toString('hex')).toBe('02000000');
  expect((await idle.closed()).subarray(-4).toString('hex')).toBe('02000000');
  await stalled.closed();
  await closing;
});

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

test.each(VERSIONS)('is not blocked by a client that sends garbage after its handshake, in %s', async (version) => {
  await using server = await serve(SERVER);
  for (const bytes of ['', frame('Hello'), frame('Hello').subarray(0, 5), 'Hello\n', HTTP]) {
    const { socket } = await server.dial();
    const inside = connectTls({ socket, ca: authority.cert, servername: 'localhost', maxVersion: version });
    inside.on('error', () => undefined).resume();
    await once(inside, 'secureConnect');
    if (bytes.length > 0) inside.write(bytes);
    // On the raw socket, bypassing encryption.
    socket.write('rubbish!');
  }
  await expect
    .poll(() => server.lines.filter(({ reason }) => reason !== undefined), { timeout: BEFORE_TIMEOUTS_MS })
    .toHaveLength(5);
});

test.each(VERSIONS)('leaks nothing for clients that reset at any moment of a handshake, in %s', async (version) => {
  await using server = await serve(SERVER);
  for (let n = 0; n < 100; n += 1) {
    const { socket } = await server.dial();
    const inside = connectTls({ socket, ca: authority.cert, servername: 'localhost', maxVersion: version });
    inside.on('error', () => undefined);
    setTimeout(() => socket.resetAndDestroy(), Math.random() * 12);
    if (n % 8 === 7) await sleep(15);
  }
  await expect
    .poll(() => server.lines.filter(({ reason }) => reason !== undefined).length, { timeout: BEFORE_TIMEOUTS_MS })
    .toBe(100);
});

test.each(VERSIONS)('resumes no session if a client certificate is required, in %s', async (version) => {
  await using server = await serve({ ...SERVER, TLS_CA_FILE: CA });
  const known = await authority.sign('known');
  let session: Buffer | undefined;
  const first = await dialTls(server, { ...known, maxVersion: version });
  (first.socket as TLSSocket).on('session', (ticket) => (session = ticket));
  first.send('me\n');
  await first.until('hello');
  session ??= (first.socket as TLSSocket).getSession();
  first.end();
  expect(await exchangeTls(server, 'me again\n', { session, maxVersion: version })).toMatch(/^error: tls: /);
});

test('node:https accepts the certificate', async () => {
  await using server = await serve(SERVER);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get({ port: server.port, host: 'localhost', ca: authority.cert, agent: false }, (response) => {
    resolve(text(response));
  }).on('error', reject);
  expect(await promise).toBe('hello from the server!');
});

async function ask(server: TestServer, env: Record<string, string>, message = 'Hello') {
  const settings = readConfig(clientSettings, { SERVER_PORT: String(server.port), ...env });
  const client = new Client(settings, pino({ level: 'silent' }));
  const { outcome } = await client.send(message);
  client.close();
  return outcome;
}

test('the client speaks TLS, in frames, text and HTTP', async () => {
  await using server = await serve(SERVER);
  const replied = { kind: 'replied', reply: 'hello from the server!' };
  expect(await ask(server, { TLS_CA_FILE: CA })).toEqual(replied);
  expect(await ask(server, { TLS_CA_FILE: CA, PROTOCOL: 'text' })).toEqual(replied);
  expect(await ask(server, { TLS_CA_FILE: CA, PROTOCOL: 'http' })).toEqual(replied);
  expect(await ask(server, { TLS_CA_FILE: CA, SERVER_HOST: '127.0.0.1' })).toEqual(replied);
});

test('the client presents its certificate if required, and is rejected without one', async () => {
  await using server = await serve({ ...SERVER, TLS_CA_FILE: CA });
  expect(await ask(server, { TLS_CA_FILE: CA, ...CLIENT })).toMatchObject({ kind: 'replied' });
  expect(await ask(server, { TLS_CA_FILE: CA })).toMatchObject({ kind: 'rejected', code: 'tls' });
});

test('a client without TLS gets the error that TLS is required', async () => {
  await using server = await serve(SERVER);
  expect(await ask(server, {})).toMatchObject({ kind: 'rejected', code: 'tls' });
});

test('the client sends nothing to a server with an invalid certificate, and reports the problem', async () => {
  const heard: string[] = [];
  const count = { handler: (message: string) => `${heard.push(message)}` };
  await using foreign = await serve(pair('foreign', await stranger.sign('localhost')), count);
  await using renamed = await serve(pair('renamed', await authority.sign('elsewhere')), count);
  await using old = await serve(pair('old', await authority.sign('localhost', { days: -2 })), count);
  await using plain = await start(count);
  const why = async (server: TestServer) => ask(server, { TLS_CA_FILE: CA, DEADLINE_MS: '2000' });
  expect(await why(foreign)).toMatchObject({ kind: 'not_handled', why: expect.stringContaining('is not trusted') });
  expect(await why(renamed)).toMatchObject({
    kind: 'not_handled',
    why: expect.stringContaining('is not for SERVER_HOST'),
  });
  expect(await why(old)).toMatchObject({ kind: 'not_handled', why: expect.stringContaining('has expired') });
  expect(await why(plain)).toMatchObject({ kind: 'not_handled', why: expect.stringContaining('does it speak TLS?') });
  expect(heard).toEqual([]);
});

test.each([
  [
    serverSettings,
    { TLS_CERT_FILE: '/nowhere' },
    ['TLS_CERT_FILE="/nowhere": must be a PEM file with a certificate: cannot be read (ENOENT)'],
  ],
  [
    serverSettings,
    { TLS_CERT_FILE: SERVER.TLS_KEY_FILE, TLS_KEY_FILE: SERVER.TLS_KEY_FILE },
    [`TLS_CERT_FILE="${SERVER.TLS_KEY_FILE}": must be a PEM file with a certificate`],
  ],
  [
    serverSettings,
    { TLS_CERT_FILE: SERVER.TLS_CERT_FILE, PORT: 'x' },
    [
      'PORT="x": must be a whole number from 0 to 65535',
      'TLS_KEY_FILE: must be the private key of TLS_CERT_FILE: set both, or neither',
    ],
  ],
  [
    serverSettings,
    { ...SERVER, TLS_KEY_FILE: CLIENT.TLS_KEY_FILE },
    [`TLS_KEY_FILE="${CLIENT.TLS_KEY_FILE}": must be the private key of TLS_CERT_FILE: set both, or neither`],
  ],
  [
    serverSettings,
    { TLS: 'required' },
    ['TLS="required": needs TLS_CERT_FILE and TLS_KEY_FILE: without them no client speaks TLS'],
  ],
  [
    clientSettings,
    { TLS_CA_FILE: BROKEN_CHAIN },
    [`TLS_CA_FILE="${BROKEN_CHAIN}": must be a PEM file with a certificate`],
  ],
  [
    serverSettings,
    { TLS_CA_FILE: CA },
    [`TLS_CA_FILE="${CA}": needs TLS_CERT_FILE and TLS_KEY_FILE: without them no client speaks TLS`],
  ],
  [
    serverSettings,
    { ...SERVER, TLS_CA_FILE: CA, TLS: 'optional' },
    ['TLS="optional": must be required where TLS_CA_FILE is set: clients without TLS have no certificate'],
  ],
  [
    clientSettings,
    CLIENT,
    [`TLS_CERT_FILE="${CLIENT.TLS_CERT_FILE}": needs TLS_CA_FILE: without it this client does not speak TLS`],
  ],
])('tells what is wrong with the settings %#', (schema, env, problems) => {
  let found;
  try {
    readConfig(schema, env);
  } catch (error) {
    found = (error as { problems: string[] }).problems;
  }
  expect(found).toEqual(problems);
});
