/** Where the server's time goes under load, as V8's own profiler sees it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { answerOf, load } from './load.ts';
import { knock, type Server } from './servers.ts';
import { type Shape, textOf, titleOf } from './throughput.ts';

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

/** Drives a Knock server of its own with a shape. */
export async function profile(
  server: Server,
  shape: Shape,
  environment: Record<string, string> = {},
): Promise<Profile> {
  const folder = mkdtempSync(join(tmpdir(), 'knock-profile-'));
  try {
    await using program = knock(environment, ['--cpu-prof', '--cpu-prof-dir', folder])(PORT);
    await program.listens(PORT);
    const message = server.encode(textOf(shape.bytes));
    const replyBytes = (await answerOf(PORT, message)).length;
    await load({ port: PORT, message, replyBytes, ...shape, ms: MS });
    await program.stop();
    const [file] = readdirSync(folder);
    const shares = sharesOf(JSON.parse(readFileSync(join(folder, file!), 'utf8')) as CpuProfile);
    return { title: `${server.name}, ${titleOf(shape)}`, shares };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sharesOf({ nodes, samples, timeDeltas }: CpuProfile): [string, number][] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const name = names.get(id)!;
    times.set(name, (times.get(name) ?? 0) + timeDeltas[at]!);
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
