/** What a server has of the machine's memory, at the limit that the Compose file sets. */
import type { StartedKnockServerContainer } from '../../support/knock-server.ts';

export const MIB = 2 ** 20;
/** As in the Compose file: 256 MiB. */
export const MEMORY_GIB = 0.25;

/** What the server's process has now, in MiB. */
export async function residentMiB(server: StartedKnockServerContainer): Promise<number> {
  return (await server.numbers())['process_resident_memory_bytes']! / MIB;
}

/** The most that the server's process has had so far, in MiB. */
export async function mostResidentMiB(server: StartedKnockServerContainer): Promise<number> {
  return (await server.memoryBytes()) / MIB;
}

/** The most that the container has had so far, in MiB, health checks and all, as its limit counts it. */
export async function mostCountedMiB(server: StartedKnockServerContainer): Promise<number> {
  const versions = '/sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes';
  const { output } = await server.exec(['sh', '-c', `cat ${versions} 2>/dev/null`]);
  return Number(output) / MIB;
}
