import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { expect, onTestFinished, test as base } from 'vitest';

import { freePort } from '../support/free-port.ts';
import { KnockServerContainer } from '../support/knock-server.ts';
import { Program } from '../support/program.ts';

const doctor = (environment: Record<string, string>) => new Program([process.execPath, 'doctor.ts'], environment);

/** `npx -y pnpm@12 test`, without pnpm. */
const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  scripts: { test: string };
};
const testCommand = (environment: Record<string, string>) => new Program(['/bin/sh', '-c', scripts.test], environment);

/** A directory of programs, for the PATH. */
const test = base.extend('programs', async ({}, { onCleanup }) => {
  const directory = mkdtempSync(join(tmpdir(), 'knock-programs-'));
  onCleanup(() => rmSync(directory, { recursive: true }));
  return directory;
});

function pathOf(program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
}

test('passes on a machine that can run the demo and the tests', async () => {
  await using running = doctor({ KNOCK_PORT: String(await freePort()) });
  const { exitCode, stdout } = await running.ended();
  expect(stdout).toMatch(/^(?:ok {4}.*\n){8}$/);
  expect(exitCode).toBe(0);
});

test('names the container that uses the port, and the fix', async () => {
  await using server = await new KnockServerContainer().start();
  await using running = doctor({ KNOCK_PORT: String(server.port) });
  const { exitCode, stdout } = await running.ended();
  expect(stdout).toContain(
    `FAIL  port ${server.port} is in use by the container ${server.getName().replace('/', '')}\n`,
  );
  expect(stdout).toContain('      fix: stop it, or choose another port: KNOCK_PORT=12345 docker compose up\n');
  expect(exitCode).toBe(1);
});

test('reports an engine that does not answer, and the fix', async () => {
  await using running = doctor({ DOCKER_HOST: 'tcp://127.0.0.1:1', KNOCK_PORT: String(await freePort()) });
  const { exitCode, stdout } = await running.ended();
  expect(stdout).toMatch(/^FAIL {2}the Docker engine does not answer\n {6}fix: start it/m);
  expect(exitCode).toBe(1);
});

test.for([
  ['a Compose that is too old', 'compose version', '2.24.7', 'Docker Compose 2.24.7', 'install Compose 2.25 or newer'],
  // A file system without any room.
  ['a full disk', 'info', '/dev/fd', '0.0 GiB of disk free at /dev/fd', 'free 3 GiB for the images'],
] as const)('reports %s, and the fix', async ([, command, answer, what, fix], { programs }) => {
  const script = `#!/bin/sh\ncase "$*" in "${command} "*) echo ${answer} ;; *) exec ${pathOf('docker')} "$@" ;; esac\n`;
  writeFileSync(join(programs, 'docker'), script, { mode: 0o755 });
  await using running = doctor({
    PATH: `${programs}${delimiter}${process.env['PATH']}`,
    KNOCK_PORT: String(await freePort()),
  });
  const { exitCode, stdout } = await running.ended();
  expect(stdout).toContain(`FAIL  ${what}\n      fix: ${fix}`);
  expect(stdout.match(/^FAIL/gm)).toHaveLength(1);
  expect(exitCode).toBe(1);
});

test.for([
  ['nc', 'netcat-openbsd'],
  ['wget', 'wget'],
] as const)(
  'without `%s` the test command fails before its first test, and says how to install it',
  async ([missing, inPackage], { programs }) => {
    symlinkSync(process.execPath, join(programs, 'node'));
    const others = ['sh', 'docker', 'python3', 'nc', 'curl', 'wget'].filter((program) => program !== missing);
    for (const program of others) symlinkSync(pathOf(program), join(programs, program));
    await using running = testCommand({ PATH: programs });
    expect(await running.ended()).toEqual({
      exitCode: 1,
      stdout:
        `FAIL  \`${missing}\` not found\n` +
        `      fix: apt install ${inPackage} (the tour and the tests need it; the demo does not)\n`,
      stderr: '',
    });
  },
);

test('the test command needs no port of its own', async ({ programs }) => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  // Ends the command after the checks.
  writeFileSync(join(programs, 'pnpm'), '#!/bin/sh\necho checked\nexit 3\n', { mode: 0o755 });
  await using running = testCommand({
    PATH: `${programs}${delimiter}${process.env['PATH']}`,
    KNOCK_PORT: String((taken.address() as AddressInfo).port),
  });
  expect(await running.ended()).toEqual({ exitCode: 3, stdout: 'checked\n', stderr: '' });
});
