/** The demo as `docker compose up` runs it: the real Compose file and images, with its own project name and port. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import {
  DockerComposeEnvironment,
  getContainerRuntimeClient,
  type StartedDockerComposeEnvironment,
} from 'testcontainers';

import { StartedKnockServerContainer } from './knock-server.ts';
import { uniqueName } from './unique-name.ts';

const ROOT = join(import.meta.dirname, '../..');
const FILES = ['docker-compose.yml', 'tests/support/compose.images.yml'];
const run = promisify(execFile);

/** One line of a service's log. */
export type LogLine = Record<string, unknown> & { name: string; msg: string };

/** The fields of `docker inspect` that tests read. */
interface Inspected {
  State: {
    ExitCode: number;
    StartedAt: string;
    FinishedAt: string;
    Health?: { Log: { ExitCode: number; End: string }[] };
  };
  HostConfig: Record<string, unknown>;
  Config: Record<string, unknown>;
  NetworkSettings: {
    Ports: Record<string, { HostIp: string }[] | null>;
    Networks: Record<string, { IPAddress: string }>;
  };
}

export interface DemoOptions {
  /** What a user would set before `docker compose up`. */
  environment?: Record<string, string>;
  /** Replicas per service; default 1. */
  scale?: Record<string, number>;
  /** Default: all. */
  services?: string[];
  /** Further Compose files, relative to the repository. */
  files?: string[];
}

export async function startDemo({
  environment = {},
  scale = {},
  services,
  files = [],
}: DemoOptions = {}): Promise<Demo> {
  const project = uniqueName();
  const settings = { KNOCK_PORT: '0', LOG_FORMAT: 'json', INTERVAL_MS: '100', ...environment };
  const allFiles = [...FILES, ...files];
  const started = await new DockerComposeEnvironment(ROOT, allFiles)
    .withProjectName(project)
    .withEnvironment(settings)
    .withClientOptions({
      commandOptions: Object.entries(scale).flatMap(([service, replicas]) => ['--scale', `${service}=${replicas}`]),
    })
    .up(services);
  return new Demo(project, started, { files: allFiles, settings });
}

export class Demo implements AsyncDisposable {
  readonly #project: string;
  readonly #started: StartedDockerComposeEnvironment;
  readonly #files: string[];
  readonly #settings: Record<string, string>;

  constructor(
    project: string,
    started: StartedDockerComposeEnvironment,
    { files, settings }: { files: string[]; settings: Record<string, string> },
  ) {
    this.#project = project;
    this.#started = started;
    this.#files = files;
    this.#settings = settings;
  }

  /** The server's published port on this machine. */
  get port(): number {
    return this.#started.getContainer('server-1').getMappedPort(12000);
  }

  /** The first server. */
  get server(): StartedKnockServerContainer {
    return new StartedKnockServerContainer(this.#started.getContainer('server-1'));
  }

  /** The network of server and clients. */
  get networkName(): string {
    return `${this.#project}_knock`;
  }

  /** Takes the first container of a service off the network. It keeps running, unreachable. */
  async disconnect(service: 'server' | 'client'): Promise<void> {
    await (await this.#network()).disconnect({ Container: this.#idOf(service), Force: true });
  }

  /** Reconnects it with its alias, which the engine does not restore by itself. */
  async connect(service: 'server' | 'client'): Promise<void> {
    const network = await this.#network();
    await network.connect({ Container: this.#idOf(service), EndpointConfig: { Aliases: [service] } });
  }

  /** Runs `docker compose` on this demo, as a user would; resolves with its stdout. */
  async compose(...args: string[]): Promise<string> {
    return (await this.composeOutput(...args)).stdout;
  }

  async composeOutput(...args: string[]): Promise<{ stdout: string; stderr: string }> {
    const files = this.#files.flatMap((file) => ['-f', file]);
    return run('docker', ['compose', '-p', this.#project, ...files, ...args], {
      cwd: ROOT,
      env: { ...process.env, ...this.#settings },
      maxBuffer: 2 ** 28,
    });
  }

  /** All containers of this demo, including exited ones. */
  async inspect(service?: 'server' | 'client'): Promise<Inspected[]> {
    const ids = await this.compose('ps', '--all', '--quiet', ...(service ? [service] : []));
    return inspect(...ids.trim().split('\n'));
  }

  /** Removes an exited container; resolves with its last state. */
  async takeAway(name: string): Promise<Inspected> {
    const [inspected] = await inspect(name);
    await run('docker', ['rm', name]);
    return inspected!;
  }

  async exitCodes(service: 'server' | 'client'): Promise<number[]> {
    return (await this.inspect(service)).map(({ State }) => State.ExitCode);
  }

  /** When the server's container started, and when it was first healthy, in milliseconds. */
  async health(): Promise<{ started: number; healthy: number }> {
    const [server] = await this.inspect('server');
    const { StartedAt, Health } = server!.State;
    const first = Health!.Log.find(({ ExitCode }) => ExitCode === 0)!;
    return { started: Date.parse(StartedAt), healthy: Date.parse(first.End) };
  }

  /** The log of all replicas of a service so far. */
  async logs(service: 'server' | 'client'): Promise<LogLine[]> {
    // The version of Compose decides where a container's stderr appears.
    const { stdout, stderr } = await this.composeOutput('logs', '--no-color', '--no-log-prefix', service);
    return (
      `${stdout}\n${stderr}`
        .split('\n')
        // Some versions of Compose start each line with an escape sequence despite --no-color.
        .map((line) => line.slice(line.indexOf('{')))
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as LogLine)
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#started.down();
  }

  async #network() {
    return (await getContainerRuntimeClient()).network.getById(this.networkName);
  }

  #idOf(service: 'server' | 'client'): string {
    return this.#started.getContainer(`${service}-1`).getId();
  }
}

async function inspect(...containers: string[]): Promise<Inspected[]> {
  const { stdout } = await run('docker', ['inspect', ...containers]);
  return JSON.parse(stdout) as Inspected[];
}
