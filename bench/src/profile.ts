/** CPU profile of the server under load, from V8's own profiler. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { echoProbe } from './echo-probe.ts';
import { load } from './load.ts';
import { knock, type Server } from './servers.ts';
import { textOf } from './throughput.ts';

export interface Profile {
  title: string;
  /** Share of busy time by function, largest first. */
  shares: [what: string, share: number][];
}

/** The fields of V8's format that are read here. (https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile) */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  /** Node ids, one per sample. */
  samples: number[];
  /** Microseconds before each sample. */
  timeDeltas: number[];
}

const PORT = 21_700;
const MS = 3000;
const MOST_SHARES = 12;

export interface ProfileOptions {
  title: string;
  server: Server;
  /** Size of a message's text. */
  bytes: number;
  /** The load. */
  drive: { connections: number; depth: number; rate?: number };
  environment?: Record<string, string>;
}

/** Starts its own Knock server. */
export async function profile({ title, server, bytes, drive, environment }: ProfileOptions): Promise<Profile> {
  const folder = mkdtempSync(join(tmpdir(), 'knock-profile-'));
  try {
    await using program = knock(environment, ['--cpu-prof', '--cpu-prof-dir', folder])(PORT);
    await program.listens(PORT);
    const probed = await echoProbe(server, PORT, textOf(bytes));
    await load({ port: PORT, ...probed, ...drive, ms: MS });
    await program.stop();
    const [file] = readdirSync(folder);
    return { title, shares: sharesOf(JSON.parse(readFileSync(join(folder, file!), 'utf8')) as CpuProfile) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sharesOf({ nodes, samples, timeDeltas }: CpuProfile): [string, number][] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  let sampledUs = 0;
  // From the end: samples before the load belong to the start of the program.
  for (let at = samples.length - 1; at >= 0 && sampledUs < MS * 1000; at -= 1) {
    const name = names.get(samples[at]!)!;
    times.set(name, (times.get(name) ?? 0) + timeDeltas[at]!);
    sampledUs += timeDeltas[at]!;
  }
  times.delete('(idle)');
  const all = [...times.values()].reduce((sum, time) => sum + time, 0);
  const sorted = [...times].sort(([, one], [, other]) => other - one).slice(0, MOST_SHARES);
  return sorted.map(([name, time]) => [name, time / all]);
}

/** A function of ours, one of Node's with its module, or one inside Node itself, such as a system call. */
function nameOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? 'anonymous' : functionName;
  if (url === '') return name.startsWith('(') ? name : `${name} (inside Node)`;
  return url.startsWith('node:') ? `${name} (${url})` : `${name} (Knock)`;
}
