/** Provokes each error message of docs/operating.md, in its order. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import { Client } from '@knock/client/delivery/client';
import { formatOutcome } from '@knock/client/delivery/outcome';
import { clientSettings, type ClientSettings } from '@knock/client/settings';
import { frame, GOAWAY, onMessage, scripted } from '@knock/client/test/scripted-server';
import { parseTrustedProxies } from '@knock/server/net/trusted-proxies';
import { serverSettings } from '@knock/server/settings';
import { Metrics } from '@knock/server/telemetry/metrics';
import { withListener } from '@knock/server/test/listener';
import { start } from '@knock/server/test/test-server';
import { readConfig } from '@knock/shared/config/config';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';

import { Authority } from '../../deploy/test-certificates.ts';
import { readDoc } from '../support/doc.ts';
import { freePort } from '../support/free-port.ts';
import { Program } from '../support/program.ts';

/** The deadline of clients that must report why there is no reply: long enough for a busy machine. */
const SOON_MS = 2000;

const PROXY_HEADER = Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 4660 12000\r\n');
const LOOPBACK = parseTrustedProxies('127.0.0.0/8');

/** The client's outcome of one message, formatted. */
async function outcomeAt(
  { port, ...settings }: Partial<ClientSettings> & { port: number },
  message = 'Hello',
): Promise<string> {
  const defaults = clientSettings.parse({ SERVER_HOST: '127.0.0.1' });
  const own = { ...defaults, SERVER_PORT: port, ...settings };
  const client = new Client(own, pino({ level: 'silent' }));
  const { outcome } = await client.send(message);
  client.close();
  return formatOutcome(outcome);
}

/** The same, from a real server with these settings. */
async function outcomeFrom(
  settings: Parameters<typeof start>[0],
  message?: string,
  client: Partial<ClientSettings> = {},
): Promise<string> {
  await using server = await start(settings);
  return await outcomeAt({ port: server.port, ...client }, message);
}

async function scriptedOutcome(serve: Parameters<typeof scripted>[0], settings: Partial<ClientSettings> = {}) {
  await using server = await scripted(serve);
  return await outcomeAt({ port: server.port, ...settings });
}

/** What a client that sends these bytes reads. */
async function read(bytes: Buffer, settings: Parameters<typeof start>[0] = {}): Promise<string> {
  await using server = await start(settings);
  const client = await server.dial();
  client.send(bytes);
  return (await client.closed()).toString();
}

/** The server's log of a client that sends these bytes. `reply`: what the client reads. */
async function logged(bytes: Buffer, reply = /^$/, settings: Parameters<typeof start>[0] = {}): Promise<string> {
  await using server = await start(settings);
  const client = await server.dial();
  client.send(bytes);
  expect((await client.closed()).toString()).toMatch(reply);
  return server.lines.map(({ msg }) => msg).join('\n');
}

async function busy(): Promise<string> {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await server.dial();
  inside.send(frame('here I am'));
  await inside.until('hello');
  return await outcomeAt({ port: server.port, DEADLINE_MS: SOON_MS });
}

/** The settings of a TLS server. */
async function inTls(authority: Authority) {
  const { cert, key } = await authority.sign('server');
  return { TLS_CERT_FILE: { path: 'server.crt', pem: cert }, TLS_KEY_FILE: { path: 'server.key', pem: key } };
}

async function withoutTls(): Promise<string> {
  return outcomeFrom(await inTls(await Authority.create()));
}

async function withoutCertificate(): Promise<string> {
  const authority = await Authority.create();
  const TLS_CA_FILE = { path: 'ca.crt', pem: authority.cert };
  await using server = await start({ ...(await inTls(authority)), TLS_CA_FILE });
  return await outcomeAt({ port: server.port, TLS_CA_FILE });
}

async function silentInsideTls(): Promise<string> {
  const TLS_CA_FILE = { path: 'ca.crt', pem: (await Authority.create()).cert };
  return scriptedOutcome(() => undefined, { TLS_CA_FILE, CONNECT_TIMEOUT_MS: 1000, DEADLINE_MS: SOON_MS });
}

async function portInUse(): Promise<string> {
  await using taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await using program = new Program([process.execPath, 'services/server/src/main.ts'], {
    HOST: '127.0.0.1',
    PORT: String(port),
  });
  const { stdout } = await program.ended();
  return (JSON.parse(stdout) as { msg: string }).msg;
}

function wrongSetting(): string {
  try {
    readConfig(serverSettings, { ACCEPT: 'twice' });
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
}

async function fault(): Promise<string> {
  using _fault = vi.spyOn(Metrics.prototype, 'text').mockRejectedValue(new Error('boom'));
  return await logged(Buffer.from('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'), sentenceOf('the handler throws'));
}

async function acceptError(): Promise<string> {
  const [server, listener] = await withListener(() => start());
  await using _server = server;
  listener.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
  return server.lines.at(-1)!.msg;
}

async function lateFailure(): Promise<string> {
  const { promise, reject } = Promise.withResolvers<string>();
  await using server = await start({ HANDLER_TIMEOUT_MS: 50, handler: () => promise });
  await server.exchange(frame('x'));
  reject(new Error('no database'));
  await expect.poll(() => server.lines.at(-1)!.msg).toContain('no database');
  return server.lines.at(-1)!.msg;
}

const never = () => new Promise<string>(() => undefined);
const fail = () => {
  throw new Error('no database');
};
const HTTP = { PROTOCOL: 'http' } as const;
const INCOMPLETE = Buffer.from('000000096162', 'hex');

const EVENTS: [what: string, happens: () => string | Promise<string>][] = [
  ['a connection is refused', async () => outcomeAt({ port: await freePort(), DEADLINE_MS: SOON_MS })],
  ['a name cannot be resolved', () => outcomeAt({ port: 1, SERVER_HOST: 'no body', DEADLINE_MS: SOON_MS })],
  ['a connection takes too long', silentInsideTls],
  ['a reply takes too long', () => scriptedOutcome(() => undefined, { REPLY_TIMEOUT_MS: SOON_MS })],
  ['a connection breaks', () => scriptedOutcome((socket) => onMessage(socket, () => socket.resetAndDestroy()))],
  ['the server drains', () => scriptedOutcome((socket) => socket.end(GOAWAY), { DEADLINE_MS: SOON_MS })],
  ['the server is full', busy],
  ['a message is too large', () => outcomeFrom({ MAX_MESSAGE_BYTES: 10 }, 'longer than ten bytes')],
  ['a message stays incomplete', () => read(INCOMPLETE, { MESSAGE_TIMEOUT_MS: 50 })],
  ['a frame is malformed', () => read(Buffer.concat([frame('good'), frame('bad', 1)]))],
  ['the server has a bug', fault],
  ['connections cannot be accepted', acceptError],
  ['a handler fails late', lateFailure],
  ['a text is not UTF-8', () => read(Buffer.concat([frame('good'), Buffer.from('00000001ff', 'hex'), frame('', 3)]))],
  ['the handler throws', () => outcomeFrom({ handler: fail })],
  ['the handler takes too long', () => outcomeFrom({ handler: never, HANDLER_TIMEOUT_MS: 50 })],
  ['TLS is required', withoutTls],
  ['a client certificate is required', withoutCertificate],
  ['the protocol is unknown', () => logged(Buffer.of(3, 0, 0, 1))],
  ['TLS is not configured', () => logged(Buffer.of(0x16, 3, 1))],
  ['a stranger sends a PROXY header', () => logged(PROXY_HEADER)],
  ['a PROXY header is malformed', () => logged(Buffer.from('PROXY TCP5 \r\n'), /^$/, { TRUSTED_PROXIES: LOOPBACK })],
  ['a port is in use', portInUse],
  ['a text cannot be encoded', () => outcomeFrom({}, '\ud800')],
  ['a message was perhaps handled', () => outcomeFrom({ handler: fail })],
  ['a setting is invalid', wrongSetting],
  ['an HTTP server rejects a message', () => outcomeFrom({ MAX_MESSAGE_BYTES: 10 }, 'longer than ten bytes', HTTP)],
  ['an HTTP server fails', () => outcomeFrom({ handler: fail }, 'Hello', HTTP)],
  ['an HTTP server does not speak HTTP', () => scriptedOutcome((socket) => socket.end('hello\r\n'), HTTP)],
];

/** The messages in the document, as patterns; `…` is any text. */
const [, SECTION = ''] = /^## When something goes wrong$(.*?)^## /ms.exec(readDoc('docs/operating.md')) ?? [];
const SENTENCES = Array.from(SECTION.matchAll(/^\| `([^`]+)` \|/gm), ([, sentence]) => {
  const words = sentence!.split('…').map((part) => RegExp.escape(part));
  return new RegExp(words.join('.*'));
});

/** The document's message for this event. */
function sentenceOf(event: string): RegExp {
  return SENTENCES[EVENTS.findIndex(([what]) => what === event)]!;
}

test('docs/operating.md has a message for each of these events', () => {
  expect(SENTENCES).toHaveLength(EVENTS.length);
});

test.for(EVENTS.map(([what, happens]) => ({ what, happens })))(
  'docs/operating.md has the message for: $what',
  async ({ what, happens }) => {
    expect(await happens()).toMatch(sentenceOf(what));
  },
);
