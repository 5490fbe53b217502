/** Where the server's time goes under load, as V8's own profiler sees it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { echoProbe } from './echo-probe.ts';
import { load } from './load.ts';
import { knock, type Server } from './servers.ts';
import { textOf } from './throughput.ts';

export interface Profile {
  title: string;
  /** Share of the time in which the server was not idle, by what it did, the largest first. */
  shares: [what: string, share: number][];
}

/** The part of V8's format that is read here. (https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile) */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  /** Ids of nodes, one for each time that was looked. */
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
  /** How it is driven. */
  drive: { connections: number; depth: number; rate?: number };
  environment?: Record<string, string>;
}

/** Drives a Knock server of its own. */
export async function profile({ title, server, bytes, drive, environment }: ProfileOptions): Promise<Profile> {
  const folder = mkdtempSync(join(tmpdir(), 'knock-profile-'));
  try {
    await using program = knock(environment, ['--cpu-prof', '--cpu-prof-dir', folder])(PORT);
    await program.listens(PORT);
    const told = await echoProbe(server, PORT, textOf(bytes));
    await load({ port: PORT, ...told, ...drive, ms: MS });
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
  let looked = 0;
  // From the end: what was before the load is the start of the program.
  for (let at = samples.length - 1; at >= 0 && looked < MS * 1000; at -= 1) {
    const name = names.get(samples[at]!)!;
    times.set(name, (times.get(name) ?? 0) + timeDeltas[at]!);
    looked += timeDeltas[at]!;
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
