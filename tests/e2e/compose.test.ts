/** The Compose files are valid, servers scale over a range of ports, and `--watch` rebuilds after changes. */
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { startDemo } from '../support/demo.ts';
import { freePort, freePorts } from '../support/free-port.ts';
import { WatchedDemo } from '../support/watched-demo.ts';

const ROOT = join(import.meta.dirname, '../..');
const COMPOSITIONS = [
  'docker-compose.yml',
  'docker-compose.yml docker-compose.tls.yml',
  'docker-compose.yml tests/support/compose.images.yml',
  'docker-compose.yml tests/hazards/support/silent-name-server.yml',
  'docker-compose.yml tests/support/recording/compose.yml',
  'deploy/docker-stack.yml',
  'deploy/docker-stack.yml tests/support/recording/stack.yml',
];

test.for(COMPOSITIONS)('docker compose config accepts %s', async (composition) => {
  const files = composition.split(' ').flatMap((file) => ['-f', file]);
  const env = { ...process.env, CLIENTS: '3' };
  const config = promisify(execFile)('docker', ['compose', ...files, 'config', '--quiet'], { cwd: ROOT, env });
  await expect(config).resolves.toMatchObject({ stdout: '' });
});

test('all Compose files are in this list', () => {
  const files = globSync('**/*.{yml,yaml}', { cwd: ROOT, exclude: ['**/node_modules'] });
  const withServices = files.filter((file) => /^services:/m.test(readFileSync(join(ROOT, file), 'utf8')));
  expect(withServices.toSorted()).toEqual([...new Set(COMPOSITIONS.join(' ').split(' '))].toSorted());
});

test('three servers on a range of three ports reply on one port each', async () => {
  const first = await freePorts(3);
  await using demo = await startDemo({
    environment: { KNOCK_PORT: `${first}-${first + 2}`, REPLY: '{server}' },
    scale: { server: 3 },
    services: ['server'],
  });
  const ports = [1, 2, 3].map(async (n) => demo.compose('port', '--index', `${n}`, 'server', '12000'));
  const addresses = (await Promise.all(ports)).map((address) => address.trim());
  expect(addresses.toSorted()).toEqual([0, 1, 2].map((n) => `127.0.0.1:${first + n}`));
  const replies = addresses.map(async (address) => (await fetch(`http://${address}/`)).text());
  expect(await Promise.all(replies)).toEqual(['server-1', 'server-2', 'server-3']);
});

const HANDLER = `
import manifest from '../package.json' with { type: 'json' };

export const createHandler = () => () => \`changed: \${manifest.changed}\`;
`;

/** A rebuild may install all dependencies. */
const REBUILD = { timeout: 90_000, interval: 200 };

test(
  'with --watch, a changed handler, package.json, lockfile or Dockerfile brings a new server',
  { timeout: 400_000 },
  async () => {
    await using demo = new WatchedDemo(await freePort());
    const reply = async () => demo.reply();
    await demo.watching();
    await expect.poll(reply, REBUILD).toBe('hello from the server!');
    demo.change('services/server/src/handler.ts', () => HANDLER);
    await expect.poll(reply, REBUILD).toBe('changed: undefined');
    demo.change('services/server/package.json', (text) => text.replace('{', '{ "changed": true,'));
    await expect.poll(reply, REBUILD).toBe('changed: true');
    let before = await demo.container();
    demo.change('pnpm-lock.yaml', (text) => `${text}# changed\n`);
    await expect.poll(async () => demo.container(), REBUILD).not.toBe(before);
    await expect.poll(reply, REBUILD).toBe('changed: true');
    before = await demo.container();
    demo.change('Dockerfile', (text) => text.replace(/^FROM .* AS server$/m, '$&\nLABEL changed=true'));
    await expect.poll(async () => demo.container(), REBUILD).not.toBe(before);
    await expect.poll(reply, REBUILD).toBe('changed: true');
  },
);
