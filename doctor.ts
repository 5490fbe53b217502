/**
 * `npx -y pnpm@12 run doctor` checks whether this machine can run the demo and the tests. It prints `ok` or `FAIL` for each
 * check, and a fix for each failure. `doctor.ts tests`, the first step of the test command, prints failures only.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { statfsSync } from 'node:fs';
import { createServer } from 'node:net';

interface Finding {
  ok: boolean;
  what: string;
  /** Printed when the check fails. */
  fix: string;
}

const OLDEST_COMPOSE = [2, 25];
/** For the base image, the images of the project and of the tests, and the build cache. */
const NEEDED_DISK_GIB = 3;
/** A hung engine must not hang the doctor. */
const COMMAND_TIMEOUT_MS = 10_000;
const port = Number(process.env['KNOCK_PORT'] ?? 12000);
const isForTests = process.argv[2] === 'tests';

const findings = [
  engine(),
  compose(),
  tool('python3'),
  tool('nc', 'netcat-openbsd'),
  tool('curl'),
  tool('wget'),
  disk(),
];
// The tests choose free ports.
if (!isForTests) findings.push(await portIsFree());
for (const { ok, what, fix } of findings) {
  if (!ok) console.log(`FAIL  ${what}\n      fix: ${fix}`);
  else if (!isForTests) console.log(`ok    ${what}`);
}
process.exitCode = findings.every(({ ok }) => ok) ? 0 : 1;

/** The command's stdout; undefined if it fails, hangs or does not exist. */
function output(command: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS });
  return status === 0 ? stdout.trim() : undefined;
}

function engine(): Finding {
  const fix = 'install Docker and start it: https://docs.docker.com/engine/install/';
  if (output('docker', '--version') === undefined) return { ok: false, what: '`docker` not found', fix };
  const version = output('docker', 'version', '--format', '{{.Server.Version}}');
  if (version !== undefined) return { ok: true, what: `Docker engine ${version} is running`, fix };
  return {
    ok: false,
    what: 'the Docker engine does not answer',
    fix: 'start it (`sudo systemctl start docker`, or Docker Desktop), and check that your user is in the group `docker`',
  };
}

function compose(): Finding {
  const version = output('docker', 'compose', 'version', '--short');
  const oldest = OLDEST_COMPOSE.join('.');
  const fix = `install Compose ${oldest} or newer: https://docs.docker.com/compose/install/`;
  if (version === undefined) return { ok: false, what: '`docker compose` not found', fix };
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_COMPOSE as [number, number];
  const ok = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  return { ok, what: `Docker Compose ${version}`, fix };
}

/** A program that the docs and the tests call. `inPackage`: its package on Debian and Ubuntu. */
function tool(name: string, inPackage = name): Finding {
  const ok = output('sh', '-c', `command -v ${name}`) !== undefined;
  const fix = `apt install ${inPackage} (the tour and the tests need it; the demo does not)`;
  return { ok, what: `\`${name}\` ${ok ? '' : 'not '}found`, fix };
}

/** Free space in the engine's data directory. Docker Desktop hides that one: then in the current directory. */
function disk(): Finding {
  const engineDirectory = output('docker', 'info', '--format', '{{.DockerRootDir}}') ?? '';
  const { directory, gib } = freeDisk(engineDirectory) ?? freeDisk(process.cwd())!;
  // Rounded down: a number that looks sufficient must be sufficient.
  const free = (Math.floor(gib * 10) / 10).toFixed(1);
  return {
    ok: gib >= NEEDED_DISK_GIB,
    what: `${free} GiB of disk free at ${directory}`,
    fix: `free ${NEEDED_DISK_GIB} GiB for the images (\`docker system df\` shows what the engine keeps)`,
  };
}

/** Undefined if the directory does not exist or this user may not read it. */
function freeDisk(directory: string): { directory: string; gib: number } | undefined {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return { directory, gib: (bavail * bsize) / 2 ** 30 };
  } catch {
    return undefined;
  }
}

async function portIsFree(): Promise<Finding> {
  const server = createServer().listen(port, '127.0.0.1');
  const ok = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.close();
  const fix = 'stop it, or choose another port: KNOCK_PORT=12345 docker compose up';
  return { ok, what: ok ? `port ${port} is free` : `port ${port} is in use by ${holder()}`, fix };
}

/** What listens on the port. ss(8) names a program only to its owner. */
function holder(): string {
  const container = output('docker', 'ps', '--filter', `publish=${port}`, '--format', '{{.Names}}');
  if (container) return `the container ${container.split('\n')[0]}`;
  const [, name, pid] = /users:\(\("([^"]+)",pid=(\d+)/.exec(output('ss', '-ltnpH', `sport = :${port}`) ?? '') ?? [];
  return name === undefined ? 'another program' : `the program ${name} (process ${pid})`;
}
