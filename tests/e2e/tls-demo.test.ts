/** The demo with docker-compose.tls.yml. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { writeCertificates } from '../../deploy/test-certificates.ts';
import { startDemo } from '../support/demo.ts';
import { KnockServerContainer } from '../support/knock-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'knock-certificates-'));
const TLS = { files: ['docker-compose.tls.yml'], environment: { KNOCK_CERTIFICATES: directory } };

const CERTIFICATES = ['ca.crt', 'server.crt', 'server.key'].map((name) => ({
  source: join(directory, name),
  target: `/certificates/${name}`,
  mode: 'ro' as const,
}));

beforeAll(() => writeCertificates(directory));
afterAll(() => rmSync(directory, { recursive: true }));

function read(name: string): string {
  return readFileSync(join(directory, name), 'utf8');
}

test('greets with mutual TLS; the server logs no warning, and is healthy', async () => {
  await using demo = await startDemo(TLS);
  await expect
    .poll(async () => (await demo.logs('client')).filter(({ outcome }) => outcome === 'replied').length)
    .toBeGreaterThan(3);
  const { started, healthy } = await demo.health();
  expect(healthy - started).toBeLessThan(9000);
  const log = await demo.logs('server');
  expect(log.filter(({ level }) => Number(level) > 30)).toEqual([]);
  const conversations = log.filter(({ reason }) => reason === 'completed');
  expect(conversations.length).toBeGreaterThan(3);
  expect(conversations.every(({ tls, protocol }) => tls === true && protocol === 'frames')).toBe(true);
});

test('serves https to clients with a certificate, and asks others for one', async () => {
  await using demo = await startDemo({ ...TLS, services: ['server'] });
  const ask = async (options: object) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const address = { host: 'localhost', port: demo.port, ca: read('ca.crt'), agent: false, ...options };
    get(address, (response) => resolve(text(response))).on('error', reject);
    return promise;
  };
  expect(await ask({ cert: read('client.crt'), key: read('client.key') })).toBe('hello from the server!');
  expect(await ask({})).toMatch(/^tls: client certificate required/);
});

test.each([
  ['all who speak TLS', {}],
  ['clients without TLS as well', { TLS: 'optional' }],
  ['clients with a certificate', { TLS_CA_FILE: '/certificates/ca.crt' }],
])('is found healthy where it listens for %s', async (_whom, settings) => {
  await using server = await new KnockServerContainer()
    .withBindMounts(CERTIFICATES)
    .withSettings({
      TLS_CERT_FILE: '/certificates/server.crt',
      TLS_KEY_FILE: '/certificates/server.key',
      ...settings,
    })
    .start();
  const messages = (await server.logLines()).map(({ msg }) => msg);
  expect(messages).toContainEqual(
    expect.stringContaining('clients need TLS: try: curl --cacert CA_FILE https://localhost:'),
  );
});

test('shows its metrics to no client without a certificate, even when it is full', async () => {
  await using server = await new KnockServerContainer()
    .withBindMounts(CERTIFICATES)
    .withSettings({
      TLS_CERT_FILE: '/certificates/server.crt',
      TLS_KEY_FILE: '/certificates/server.key',
      TLS_CA_FILE: '/certificates/ca.crt',
      MAX_CONNECTIONS: '1',
    })
    .start();
  const inside = await server.dial();
  for (let n = 0; n < 3; n += 1) {
    const asking = await server.dial();
    asking.end('GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect((await asking.closed()).toString()).toMatch(/^HTTP\/1\.1 400 [^]*tls: /);
  }
  inside.socket.destroy();
});
