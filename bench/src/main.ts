/** `pnpm bench`: measures everything side by side, judges the targets, and keeps the results. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';
import { join } from 'node:path';

import { Command } from 'commander';

import { hasEngine } from './containers.ts';
import { type Figure, rounded } from './figure.ts';
import { buildLoad } from './load.ts';
import { pinSelf } from './pin.ts';
import { writePlots } from './plots.ts';
import { profile, type Profile } from './profile.ts';
import { formatFigure, figuresInMarkdown, type Machine, type Results, targetTable } from './report.ts';
import { KNOCK_FRAMES, KNOCK_HTTP, RAISED } from './servers.ts';
import { quickRun, wholeRun } from './steps.ts';
import { disagreements, judgeAll, TARGETS, targetsNamed, wantedBy } from './targets.ts';

const BENCH = join(import.meta.dirname, '..');
const RESULTS = join(BENCH, 'results.json');
const PLOTS = join(BENCH, 'plots');
const PAGE = join(BENCH, '../docs/performance.md');
/** Peers that do not come from npm. */
const PEERS = ['redis-server', 'python3'];
const EXIT_CUT_SHORT = 1;

const { quick, only } = new Command('bench')
  .description('Measures Knock and its peers side by side on this machine.')
  .option('--quick', 'the fastest measurements, in short rounds and without containers; keeps no results', false)
  .option(
    '--only <text...>',
    'only targets whose title contains one of these texts, and the servers that they compare (--only http "frames, 50"); keeps no results',
  )
  .parse()
  .opts<{ quick: boolean; only?: string[] }>();
const chosen = only === undefined ? TARGETS : targetsNamed(only);

// On the load's processor, so that the server under measurement keeps its own.
pinSelf(1);
process.once('SIGINT', () => process.exit(EXIT_CUT_SHORT)).once('SIGTERM', () => process.exit(EXIT_CUT_SHORT));
assertInstalled();
await buildLoad();
execFileSync('pnpm', ['--filter', '@knock/server', 'build'], { cwd: BENCH, stdio: 'ignore' });
const engine = await hasEngine();
if (!quick && !only && !engine) console.log('No Docker engine: containers are not measured.');
const common = { progress, wants: only === undefined ? () => true : wantedBy(chosen) };
const all = quick ? quickRun(common) : wholeRun(common, engine);
const steps =
  only === undefined ? all : all.filter(({ figures: ids }) => chosen.some(({ figure }) => ids.test(figure)));
if (steps.length === 0) {
  console.error(
    `No target matches --only; these can be measured here:\n${TARGETS.map(({ title }) => title).join('\n')}`,
  );
  process.exit(1);
}
const expected = steps.reduce((sum, { seconds }) => sum + seconds, 0);
const start = performance.now();
const figures: Figure[] = [];
for (const { measure } of steps) {
  const own = (await measure()).map(rounded);
  clearProgress();
  for (const figure of own) console.log(`\n${formatFigure(figure)}`);
  figures.push(...own);
}
const targets = judgeAll(figures);
console.log(`\nTargets\n\n${targetTable(targets)}\n\nIt took ${minutes(performance.now() - start)}.`);
if (!quick && !only) {
  console.log(comparison());
  const date = new Date().toISOString().slice(0, 10);
  await keep({ machine: machine(), date, targets, figures, profiles: await profiles() });
}

/** Whether this run agrees with the kept one. */
function comparison(): string {
  if (!existsSync(RESULTS)) return 'No earlier run to compare with.';
  const { targets: before, date } = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
  const different = disagreements(before, targets);
  if (different.length === 0) return `It agrees with the run of ${date}: the intervals of all targets overlap.`;
  return `It does not agree with the run of ${date} in: ${different.join('; ')}.`;
}

/** Profiles of what is furthest from its target. */
async function profiles(): Promise<Profile[]> {
  progress('Where the time goes');
  const [server, small] = [KNOCK_FRAMES, { bytes: 13 }];
  const large = { bytes: 2 ** 20, environment: RAISED };
  return [
    await profile({ title: 'one message a read', server, ...small, drive: { connections: 50, depth: 1 } }),
    await profile({ title: '64 messages a read', server, ...small, drive: { connections: 50, depth: 64 } }),
    await profile({ title: 'messages of 1 MiB', server, ...large, drive: { connections: 4, depth: 1 } }),
    await profile({
      title: 'one exchange for each connection',
      server,
      ...small,
      drive: { connections: 0, depth: 0, rate: 300 },
    }),
    await profile({ title: 'HTTP', server: KNOCK_HTTP, ...small, drive: { connections: 50, depth: 1 } }),
  ];
}

/** Exits if a peer is missing. */
function assertInstalled(): void {
  const peers =
    only === undefined ? PEERS : PEERS.filter((peer) => chosen.some(({ baseline }) => baseline?.includes(peer)));
  const missing = peers.filter((peer) => spawnSync(peer, ['--version'], { stdio: 'ignore' }).error !== undefined);
  if (missing.length === 0) return;
  console.error(`Not installed: ${missing.join(' and ')}. On Debian: apt-get install ${missing.join(' ')}`);
  process.exit(1);
}

/** Writes the results for docs/performance.md and for the next run. */
async function keep(results: Results): Promise<void> {
  mkdirSync(PLOTS, { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 1)}\n`);
  await writePlots(results.figures, PLOTS);
  const [words] = readFileSync(PAGE, 'utf8').split(/(?<=<!-- figures -->\n)/);
  writeFileSync(PAGE, `${words}\n${figuresInMarkdown(results)}\n`);
  execFileSync('pnpm', ['exec', 'oxfmt', RESULTS, PAGE], { cwd: BENCH });
}

function machine(): Machine {
  return {
    processor: cpus()[0]!.model.trim(),
    // Not `availableParallelism`, which is 1: this process is pinned.
    cores: cpus().length,
    system: `${type()} ${release()}`,
    node: process.versions.node,
  };
}

/** Progress: one line with the elapsed time and what is running. */
function progress(what: string): void {
  if (!process.stderr.isTTY) return;
  const about = only === undefined ? ` of about ${minutes(expected * 1000)}` : '';
  process.stderr.write(`\r\x1b[K${minutes(performance.now() - start)}${about}  ${what}`);
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
