/** What is in the two images: Node, its libraries, the program, and nothing that an intruder could use. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test as base } from 'vitest';

import { uniqueName } from '../support/unique-name.ts';

const ROOT = join(import.meta.dirname, '../..');
const SERVICES = ['server', 'client'] as const;
/** What an image may hold beyond the Node binary. */
const MOST_BYTES = 12_000_000;

const run = promisify(execFile);
const docker = async (...args: string[]) => (await run('docker', args, { cwd: ROOT })).stdout;
const readJson = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Record<string, string>;

/** What Node sees in a container. */
interface Inside {
  /** User's name, uid, gid, working directory. */
  who: unknown[];
  nodeBytes: number;
  /** The process's memory, as in proc(5). */
  maps: string;
  /** The hour at which 1970 began in UTC: there, in Vienna, and in the zone that `TZ` names. */
  hours: number[];
  authorities: number;
}

const LOOK = `
  const hours = (timeZone) => Number(new Date(0).toLocaleTimeString('en-GB', { timeZone }).slice(0, 2));
  console.log(JSON.stringify({
    who: [os.userInfo().username, process.getuid(), process.getgid(), process.cwd()],
    nodeBytes: fs.statSync(process.execPath).size,
    maps: fs.readFileSync('/proc/self/maps', 'utf8'),
    hours: [hours('UTC'), hours('Europe/Vienna'), new Date(0).getHours()],
    authorities: tls.getCACertificates('default').length,
  }));
`;

const test = base.extend('inside', { scope: 'file' }, async () => {
  const look = async (service: string) => {
    const options = ['--rm', '--network', 'none', '--env', 'TZ=Asia/Tokyo', '--entrypoint', 'node'];
    return JSON.parse(await docker('run', ...options, `knock-${service}`, '--eval', LOOK)) as Inside;
  };
  return { server: await look('server'), client: await look('client') };
});

/** The files and links of an image, without what the engine puts into every container. */
async function filesOf(image: string): Promise<string[]> {
  const container = (await docker('create', image)).trim();
  try {
    const { stdout } = await run('sh', ['-c', `docker export ${container} | tar -t`]);
    const engines = /^(?:dev\/|proc\/|sys\/|\.dockerenv$|etc\/(?:hostname|hosts|mtab|resolv\.conf)$)/;
    return stdout.split('\n').filter((file) => file !== '' && !file.endsWith('/') && !engines.test(file));
  } finally {
    await docker('rm', container);
  }
}

test.for(SERVICES)('the image of the %s has no shell', async (service) => {
  const shell = docker('run', '--rm', '--network', 'none', '--entrypoint', 'sh', `knock-${service}`);
  await expect(shell).rejects.toMatchObject({ stderr: expect.stringContaining('executable file not found') });
});

test.for(SERVICES)(
  'the image of the %s holds Node, the libraries that Node uses, the names of two users, and the program',
  async (service, { inside }) => {
    const files = await filesOf(`knock-${service}`);
    const isLibrary = (file: string) => /^(?:usr\/)?lib(?:64)?\/(?:[\w-]+\/)?[\w.+-]+\.so\.\d+$/.test(file);
    expect(files.filter((file) => !isLibrary(file) && !file.startsWith('app/')).toSorted()).toEqual([
      'etc/group',
      'etc/nsswitch.conf',
      'etc/passwd',
      'usr/local/bin/node',
    ]);
    const mapped = Array.from(inside[service].maps.matchAll(/ \/(\S+\.so\.\d+)$/gm), ([, file]) => file!);
    expect(files.filter(isLibrary).toSorted()).toEqual([...new Set(mapped)].toSorted());
    const program = service === 'client' ? ['app/main.mjs'] : expect.arrayContaining(['app/healthcheck.mjs']);
    expect(files.filter((file) => file.startsWith('app/'))).toEqual(program);
  },
);

test.for(SERVICES)(
  'the image of the %s is at most 12 MB larger than the Node binary',
  async (service, { inside: { [service]: inside } }) => {
    const size = Number(await docker('image', 'inspect', '--format', '{{.Size}}', `knock-${service}`));
    expect(size).toBeGreaterThan(inside.nodeBytes);
    expect(size - inside.nodeBytes).toBeLessThanOrEqual(MOST_BYTES);
  },
);

test.for(SERVICES)('the %s runs as the user node, and finds its name', (service, { inside }) => {
  expect(inside[service].who).toEqual(['node', 1000, 1000, '/app']);
});

test.for(SERVICES)('the %s knows time zones and certificate authorities without a file', (service, { inside }) => {
  expect(inside[service].hours).toEqual([0, 1, 9]);
  expect(inside[service].authorities).toBeGreaterThan(100);
});

async function labelsOf(image: string): Promise<Record<string, string>> {
  const labels = JSON.parse(await docker('image', 'inspect', '--format', '{{json .Config.Labels}}', image)) as object;
  const own = Object.entries(labels).filter(([name]) => name.startsWith('org.opencontainers.image.'));
  return Object.fromEntries(own.map(([name, value]) => [name.split('.').at(-1)!, String(value)]));
}

test.for(SERVICES)('the labels of the %s say what it is, and which version', async (service) => {
  expect(await labelsOf(`knock-${service}`)).toEqual({
    title: `Knock ${service}`,
    description: readJson(`services/${service}/package.json`)['description'],
    version: readJson('package.json')['version'],
    revision: process.env['REVISION'] || 'unknown',
    source: '',
    licenses: 'MIT',
  });
});

test('a build with another version, revision and source says so in its labels and in its program', async () => {
  const tag = uniqueName();
  const values = { VERSION: '9.8.7', REVISION: 'abc1234', SOURCE: 'https://example.com/knock' };
  const args = Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  await docker('build', '--quiet', '--target', 'client', '--tag', tag, ...args, '.');
  try {
    const { version, revision, source } = await labelsOf(tag);
    expect([version, revision, source]).toEqual(Object.values(values));
    expect(await docker('run', '--rm', '--network', 'none', tag, '--version')).toBe('9.8.7 (revision abc1234)\n');
  } finally {
    await docker('image', 'rm', '--force', tag);
  }
});
