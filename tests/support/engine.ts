/** Configures Testcontainers for this machine, before its first container. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

import { getContainerRuntimeClient, getReaper } from 'testcontainers';

export async function setup(): Promise<void> {
  const { stdout } = await promisify(execFile)('docker', ['info', '--format', '{{.Name}}']).catch((cause: unknown) => {
    throw new Error('no Docker engine: these tests need Docker with Compose; `docker info` says what is wrong', {
      cause,
    });
  });
  // Inside a container, Testcontainers looks for published ports at the gateway. If the engine runs in that container too, they are on localhost.
  if (existsSync('/.dockerenv') && stdout.trim() === hostname())
    process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= 'localhost';
  if (process.env['TESTCONTAINERS_RYUK_DISABLED'] !== 'true') await startReaper();
}

/** The reaper removes the containers of an interrupted run. Its image is on Docker Hub, which not every machine reaches. */
async function startReaper(): Promise<void> {
  try {
    await getReaper(await getContainerRuntimeClient());
  } catch (error) {
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
    console.warn(`no Testcontainers reaper: an interrupted run may leave containers behind: ${String(error)}`);
  }
}
