/** The stack as `docker stack deploy` runs it: the real stack file and images, in a swarm with one node. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { vi } from 'vitest';

import type { LogLine } from './demo.ts';
import { uniqueName } from './unique-name.ts';

const ROOT = join(import.meta.dirname, '../..');
const FILES = ['deploy/docker-stack.yml', 'tests/support/recording/stack.yml'];
/** Keeps replaced containers: the tests read their logs. */
const TASK_HISTORY = 100;
/** The label of containers outside the stack. */
const CLIENT_OF = 'knock-test-client-of';
const PATIENCE_MS = 60_000;
/** Also for `send`, which runs for a whole session. */
const COMMAND_TIMEOUT_MS = 120_000;
const run = promisify(execFile);

type Service = 'server' | 'client';

/** The fields of `docker service inspect` that tests read. */
interface InspectedService {
  Spec: { TaskTemplate: { ContainerSpec: { Image: string } } };
  UpdateStatus?: { State: string };
}

/** The fields of `docker inspect` that tests read. */
interface InspectedContainer {
  State: { Running: boolean; ExitCode: number };
  Config: { Image: string };
}

/**
 * Three healthy servers with the recording handler, and no client: {@link Swarm.deploy} with `CLIENTS` adds them. `environment` is
 * that of `docker stack deploy`. Rejects if the engine is already in a swarm.
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

  /** Disposes of these with the swarm. */
  own(owned: AsyncDisposableStack): this {
    this.#owned = owned;
    return this;
  }

  /** Runs `docker stack deploy`, with `changes` to the earlier settings; resolves when all replicas run. */
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

  /** The same, without waiting for replicas. */
  async beginDeploy(changes: Record<string, string>): Promise<void> {
    this.#settings = { ...this.#settings, ...changes };
    const files = FILES.flatMap((file) => ['-c', file]);
    await run('docker', ['stack', 'deploy', '--detach=true', '--resolve-image=never', ...files, this.#name], {
      cwd: ROOT,
      env: { ...process.env, ...this.#settings },
      timeout: COMMAND_TIMEOUT_MS,
    });
  }

  /** Swarm's state of the last update of the servers. */
  async updateState(): Promise<string | undefined> {
    return (await this.#inspectServers()).UpdateStatus?.State;
  }

  /** The image in the servers' specification. */
  async serverImage(): Promise<string> {
    return (await this.#inspectServers()).Spec.TaskTemplate.ContainerSpec.Image;
  }

  /** All containers of a service, including exited ones. */
  async inspect(service: Service): Promise<InspectedContainer[]> {
    return JSON.parse(await docker('inspect', ...(await this.#containers(service)))) as InspectedContainer[];
  }

  /** The log of each container of a service so far, including exited ones. */
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

  /** Sends all texts from a client container outside the stack; resolves with the replies. */
  async send(texts: string[], settings: Record<string, string>): Promise<string[]> {
    const options = [`--label=${CLIENT_OF}=${this.#name}`, `--network=${this.#name}_knock`];
    const environment = Object.entries({ SERVER_HOST: 'server', ...settings }).map(
      ([name, value]) => `--env=${name}=${value}`,
    );
    const sending = docker('run', ...options, ...environment, 'knock-client', 'send', ...texts);
    // A message without a reply fails the command, but stdout has the other replies.
    const output = await sending.catch((error: unknown) => (error as { stdout: string }).stdout);
    return output.split('\n').slice(0, -1);
  }

  /** Stops all clients and waits for them. Swarm does not restart them, and their logs remain. */
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

/** Creates a swarm with this engine as its only node, unreachable for others. */
async function initSwarm(owned: AsyncDisposableStack): Promise<void> {
  const state = (await docker('info', '--format', '{{.Swarm.LocalNodeState}}')).trim();
  if (state !== 'inactive') {
    const advice = 'these tests create and leave one: use another engine, or run';
    throw new Error(`this engine is already in a swarm (${state}); ${advice} docker swarm leave --force`);
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

/** Resolves when the stack is gone: leaving the swarm earlier would orphan its containers. */
async function removeStack(name: string): Promise<void> {
  // They would keep the network in use.
  const clients = await list('ps', '--all', '--filter', `label=${CLIENT_OF}=${name}`);
  if (clients.length > 0) await docker('rm', '--force', ...clients);
  const own = ['--filter', `label=com.docker.stack.namespace=${name}`];
  await vi.waitFor(
    async () => {
      // Repeated: it fails while the network outlives the containers.
      await docker('stack', 'rm', '--detach=true', name);
      const left = [...(await list('ps', '--all', ...own)), ...(await list('network', 'ls', ...own))];
      if (left.length > 0) throw new Error(`${left.length} containers and networks of ${name} are still there`);
    },
    { timeout: PATIENCE_MS, interval: 200 },
  );
}

/** The ids that a docker command lists. */
async function list(...args: string[]): Promise<string[]> {
  return (await docker(...args, '--quiet')).split('\n').filter(Boolean);
}

async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args, { maxBuffer: 2 ** 28, timeout: COMMAND_TIMEOUT_MS })).stdout;
}
