/** `npx -y pnpm@12 run doctor`: whether this machine can run the demo and the tests; one line for each thing, and what mends it. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

interface Finding {
  well: boolean;
  what: string;
  /** What to do where it is not well. */
  mend: string;
}

const OLDEST_COMPOSE = [2, 25];
const port = Number(process.env['KNOCK_PORT'] ?? 12000);

const findings = [engine(), compose(), await portIsFree(), tool('python3'), tool('nc', 'netcat-openbsd'), tool('curl')];
for (const { well, what, mend } of findings) console.log(well ? `well   ${what}` : `ill    ${what}\n       ${mend}`);
process.exitCode = findings.every(({ well }) => well) ? 0 : 1;

/** What a command prints; undefined where it fails or is not there. */
function output(command: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function engine(): Finding {
  const mend = 'install Docker and start it: https://docs.docker.com/engine/install/';
  if (output('docker', '--version') === undefined)
    return { well: false, what: 'there is no `docker` command here', mend };
  const version = output('docker', 'version', '--format', '{{.Server.Version}}');
  if (version !== undefined) return { well: true, what: `Docker's engine answers, version ${version}`, mend };
  return {
    well: false,
    what: "Docker's engine does not answer",
    mend: 'start it (`sudo systemctl start docker`, or Docker Desktop), and see that you may use it (group `docker`)',
  };
}

function compose(): Finding {
  const version = output('docker', 'compose', 'version', '--short');
  const oldest = OLDEST_COMPOSE.join('.');
  const mend = `install Compose ${oldest} or newer: https://docs.docker.com/compose/install/`;
  if (version === undefined) return { well: false, what: 'there is no `docker compose` here', mend };
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_COMPOSE as [number, number];
  const well = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  return { well, what: `Compose is version ${version}`, mend };
}

async function portIsFree(): Promise<Finding> {
  const server = createServer().listen(port, '127.0.0.1');
  const well = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.close();
  const mend = 'end it, or choose another port: KNOCK_PORT=12345 docker compose up';
  return { well, what: well ? `port ${port} is free` : `port ${port} is taken by ${holder()}`, mend };
}

/** Who listens at the port: a container, or a program whose name ss(8) tells to its owner. */
function holder(): string {
  const container = output('docker', 'ps', '--filter', `publish=${port}`, '--format', '{{.Names}}');
  if (container) return `the container ${container.split('\n')[0]}`;
  const [, name, pid] = /users:\(\("([^"]+)",pid=(\d+)/.exec(output('ss', '-ltnpH', `sport = :${port}`) ?? '') ?? [];
  return name === undefined ? 'another program' : `the program ${name} (process ${pid})`;
}

/** A program that readers of the papers type with, and the package that brings it on Debian and its like. */
function tool(name: string, inPackage = name): Finding {
  const well = output('sh', '-c', `command -v ${name}`) !== undefined;
  const mend = `install it (apt install ${inPackage}): the tour needs it, and the tests; the demo does not`;
  return { well, what: well ? `\`${name}\` is here` : `there is no \`${name}\` here`, mend };
}
