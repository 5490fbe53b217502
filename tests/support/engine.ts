/** What Testcontainers has to know of this machine, found out before its first container. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

import { getContainerRuntimeClient, getReaper } from 'testcontainers';

export async function setup(): Promise<void> {
  const { stdout } = await promisify(execFile)('docker', ['info', '--format', '{{.Name}}']).catch((cause: unknown) => {
    throw new Error('these tests need Docker with Compose, and its engine running: docker info tells', { cause });
  });
  // Inside a container it looks for published ports at the gateway; where the engine runs in that container as well, they are here.
  if (existsSync('/.dockerenv') && stdout.trim() === hostname())
    process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= 'localhost';
  if (process.env['TESTCONTAINERS_RYUK_DISABLED'] !== 'true') await callReaper();
}

/** The reaper takes away what an interrupted run leaves behind. Its image is on Docker Hub, which not every machine reaches. */
async function callReaper(): Promise<void> {
  try {
    await getReaper(await getContainerRuntimeClient());
  } catch (error) {
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
    console.warn(
      `Testcontainers has no reaper here, so an interrupted run may leave containers behind: ${String(error)}`,
    );
  }
}
