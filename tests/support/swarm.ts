/** The stack as `docker stack deploy` runs it: the real stack file and images, in a swarm of this one engine alone. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { vi } from 'vitest';

import type { LogLine } from './demo.ts';
import { uniqueName } from './unique-name.ts';

const ROOT = join(import.meta.dirname, '../..');
const FILES = ['deploy/docker-stack.yml', 'tests/support/recording/stack.yml'];
/** No replaced container is cleared away as long as its log may be read. */
const TASK_HISTORY = 100;
/** The label of containers that a user would run beside the stack. */
const CLIENT_OF = 'knock-test-client-of';
const PATIENCE_MS = 60_000;
/** A conversation is a command, too. */
const COMMAND_TIMEOUT_MS = 120_000;
const run = promisify(execFile);

type Service = 'server' | 'client';

/** The part of `docker service inspect` that tests look at. */
interface InspectedService {
  Spec: { TaskTemplate: { ContainerSpec: { Image: string } } };
  UpdateStatus?: { State: string };
}

/** The part of `docker inspect` that tests look at. */
interface InspectedContainer {
  State: { Running: boolean; ExitCode: number };
  Config: { Image: string };
}

/**
 * Three servers with the recording handler, healthy, and no client yet: {@link Swarm.deploy} with `CLIENTS` brings them. `environment`
 * is what a user would set before `docker stack deploy`. Rejects where the engine is in a swarm already.
 */
export async function startSwarm(environment: Record<string, string>): Promise<Swarm> {
  const name = uniqueName();
  await using owned = new AsyncDisposableStack();
  await initSwarm(owned);
  owned.defer(() => removeStack(name));
  const swarm = new Swarm(name, { CLIENTS: '0', ...environment });
  await swarm.deploy();
  return swarm.own(owned.move());
}

export class Swarm implements AsyncDisposable {
  readonly #name: string;
  #settings: Record<string, string>;
  #owned = new AsyncDisposableStack();

  constructor(name: string, settings: Record<string, string>) {
    this.#name = name;
    this.#settings = settings;
  }

  /** From now on these end with it. */
  own(owned: AsyncDisposableStack): this {
    this.#owned = owned;
    return this;
  }

  /** Runs `docker stack deploy`, with `changes` to what was set before; resolves when as many run as there should be. */
  async deploy(changes: Record<string, string> = {}): Promise<void> {
    await this.beginDeploy(changes);
    await vi.waitFor(
      async () => {
        const counts = await docker('stack', 'services', '--format', '{{.Name}} {{.Replicas}}', this.#name);
        if (!/^(?:\S+ (\d+)\/\1\n){2}$/.test(counts)) throw new Error(`not all replicas run:\n${counts}`);
      },
      { timeout: PATIENCE_MS, interval: 200 },
    );
  }

  /** The same, and does not wait for anything. */
  async beginDeploy(changes: Record<string, string>): Promise<void> {
    this.#settings = { ...this.#settings, ...changes };
    const files = FILES.flatMap((file) => ['-c', file]);
    await run('docker', ['stack', 'deploy', '--detach=true', '--resolve-image=never', ...files, this.#name], {
      cwd: ROOT,
      env: { ...process.env, ...this.#settings },
      timeout: COMMAND_TIMEOUT_MS,
    });
  }

  /** How the last update of the servers goes, in Swarm's own word. */
  async updateState(): Promise<string | undefined> {
    return (await this.#inspectServers()).UpdateStatus?.State;
  }

  /** The image that the servers are to have. */
  async serverImage(): Promise<string> {
    return (await this.#inspectServers()).Spec.TaskTemplate.ContainerSpec.Image;
  }

  /** What the engine knows of all containers of a service, ended ones too. */
  async inspect(service: Service): Promise<InspectedContainer[]> {
    return JSON.parse(await docker('inspect', ...(await this.#containers(service)))) as InspectedContainer[];
  }

  /** What each container of a service has logged so far, ended ones too. */
  async logs(service: Service): Promise<LogLine[][]> {
    const containers = await this.#containers(service);
    return Promise.all(
      containers.map(async (id) => {
        const { stdout, stderr } = await run('docker', ['logs', id], {
          maxBuffer: 2 ** 28,
          timeout: COMMAND_TIMEOUT_MS,
        });
        const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.startsWith('{'));
        return lines.map((line) => JSON.parse(line) as LogLine);
      }),
    );
  }

  /** Sends all texts from a container of the client that a user runs beside the stack; resolves with the replies that came. */
  async send(texts: string[], settings: Record<string, string>): Promise<string[]> {
    const options = [`--label=${CLIENT_OF}=${this.#name}`, `--network=${this.#name}_knock`];
    const environment = Object.entries({ SERVER_HOST: 'server', ...settings }).map(
      ([name, value]) => `--env=${name}=${value}`,
    );
    const sending = docker('run', ...options, ...environment, 'knock-client', 'send', ...texts);
    // A message without a reply makes the command fail, and the replies to others have come all the same.
    const output = await sending.catch((error: unknown) => (error as { stdout: string }).stdout);
    return output.split('\n').slice(0, -1);
  }

  /** Tells all clients to stop, and waits until they have. Swarm starts no others, and what they have said can be read. */
  async stopClients(): Promise<void> {
    await docker('stop', ...(await this.#containers('client')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  async #inspectServers(): Promise<InspectedService> {
    const [service] = JSON.parse(await docker('service', 'inspect', `${this.#name}_server`)) as [InspectedService];
    return service;
  }

  async #containers(service: Service): Promise<string[]> {
    return list('ps', '--all', '--filter', `label=com.docker.swarm.service.name=${this.#name}_${service}`);
  }
}

/** Makes a swarm of this engine alone, that nobody else can reach. */
async function initSwarm(owned: AsyncDisposableStack): Promise<void> {
  const state = (await docker('info', '--format', '{{.Swarm.LocalNodeState}}')).trim();
  if (state !== 'inactive') {
    const advice = 'these tests make one and leave it again. Run them on another engine, or, if nobody needs it:';
    throw new Error(`this engine is in a swarm already (${state}), and ${advice} docker swarm leave --force`);
  }
  const bridge = ['network', 'ls', '--filter', 'name=^docker_gwbridge$'];
  if ((await list(...bridge)).length === 0) {
    owned.defer(async () => {
      for (const network of await list(...bridge)) await docker('network', 'rm', network);
    });
  }
  const addresses = ['--advertise-addr=127.0.0.1', '--listen-addr=127.0.0.1'];
  await docker('swarm', 'init', ...addresses, `--task-history-limit=${TASK_HISTORY}`);
  owned.defer(async () => {
    await docker('swarm', 'leave', '--force');
  });
}

/** Resolves when nothing of it is left, since a swarm that is left too soon leaves its containers behind. */
async function removeStack(name: string): Promise<void> {
  // They would hold the network.
  const clients = await list('ps', '--all', '--filter', `label=${CLIENT_OF}=${name}`);
  if (clients.length > 0) await docker('rm', '--force', ...clients);
  const own = ['--filter', `label=com.docker.stack.namespace=${name}`];
  await vi.waitFor(
    async () => {
      // Again each time: it gives up where the network is in use for a moment longer than the containers.
      await docker('stack', 'rm', '--detach=true', name);
      const left = [...(await list('ps', '--all', ...own)), ...(await list('network', 'ls', ...own))];
      if (left.length > 0) throw new Error(`${left.length} containers and networks of ${name} are still there`);
    },
    { timeout: PATIENCE_MS, interval: 200 },
  );
}

/** The ids that a command of Docker's lists. */
async function list(...args: string[]): Promise<string[]> {
  return (await docker(...args, '--quiet')).split('\n').filter(Boolean);
}

async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args, { maxBuffer: 2 ** 28, timeout: COMMAND_TIMEOUT_MS })).stdout;
}
