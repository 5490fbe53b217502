/** The server's memory, with the limit of the Compose file. */
import type { StartedKnockServerContainer } from '../../support/knock-server.ts';

export const MIB = 2 ** 20;
/** As in the Compose file: 256 MiB. */
export const MEMORY_GIB = 0.25;

/** The process's current memory, in MiB. */
export async function residentMiB(server: StartedKnockServerContainer): Promise<number> {
  return (await server.numbers())['process_resident_memory_bytes']! / MIB;
}

/** The process's peak memory, in MiB. */
export async function mostResidentMiB(server: StartedKnockServerContainer): Promise<number> {
  return (await server.memoryBytes()) / MIB;
}

/** The file of cgroup v2, and that of v1. */
const PEAK_FILES = ['/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes'];

/** The container's peak memory, as its limit counts it, including health checks and this reader; in MiB. */
export async function mostCountedMiB(server: StartedKnockServerContainer): Promise<number> {
  const file = (await server.evaluate(`${JSON.stringify(PEAK_FILES)}.find(fs.existsSync)`)) as string;
  return Number(await server.readFile(file)) / MIB;
}
