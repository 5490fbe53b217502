/** `pnpm bench`: measures everything side by side, says what it means for the targets, and keeps it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';
import { join } from 'node:path';

import { Command } from 'commander';

import { measureCodecs } from './codecs.ts';
import { hasEngine, measureContainers } from './containers.ts';
import { measureExchanges } from './exchanges.ts';
import { type Figure, type Measure, rounded } from './figure.ts';
import { measureIdle } from './idle.ts';
import { buildLoad } from './load.ts';
import { pinSelf } from './pin.ts';
import { writePlots } from './plots.ts';
import { profile, type Profile } from './profile.ts';
import { figureInWords, figuresInMarkdown, type Machine, type Results, targetTable } from './report.ts';
import { KNOCK_FRAMES, KNOCK_HTTP, RAISED } from './servers.ts';
import { measureStart } from './start.ts';
import { disagreements, judgeAll } from './targets.ts';
import { ALL_SHAPES, measureThroughput, TARGET_SHAPES } from './throughput.ts';
import { measureTogether } from './together.ts';
import { measureWatching } from './watching.ts';

const BENCH = join(import.meta.dirname, '..');
const RESULTS = join(BENCH, 'results.json');
const PLOTS = join(BENCH, 'plots');
const PAPER = join(BENCH, '../docs/performance.md');
/** What is measured beside Knock and does not come from npm. */
const PEERS = ['redis-server', 'python3'];
const ROUNDS = 10;
const EXIT_CUT_SHORT = 1;

const { quick } = new Command('bench')
  .description('Measures Knock and its peers side by side on this machine.')
  .option('--quick', 'what takes least time of it, with short rounds and without containers; keeps nothing', false)
  .parse()
  .opts<{ quick: boolean }>();

// What measures runs beside the load, and not beside what is measured.
pinSelf(1);
process.once('SIGINT', () => process.exit(EXIT_CUT_SHORT)).once('SIGTERM', () => process.exit(EXIT_CUT_SHORT));
assertInstalled();
await buildLoad();
execFileSync('pnpm', ['--filter', '@knock/server', 'build'], { cwd: BENCH, stdio: 'ignore' });
const engine = await hasEngine();
if (!quick && !engine) console.log('There is no Docker engine here: containers are not measured.');
const steps = quick ? quickRun() : wholeRun();
const expected = steps.reduce((sum, { seconds }) => sum + seconds, 0);
const start = performance.now();
const figures: Figure[] = [];
for (const { measure } of steps) {
  const own = (await measure()).map(rounded);
  clearProgress();
  for (const figure of own) console.log(`\n${figureInWords(figure)}`);
  figures.push(...own);
}
const targets = judgeAll(figures);
console.log(`\nTargets\n\n${targetTable(targets)}\n\nIt took ${minutes(performance.now() - start)}.`);
if (!quick) {
  console.log(comparison());
  const date = new Date().toISOString().slice(0, 10);
  await keep({ machine: machine(), date, targets, figures, profiles: await profiles() });
}

/** A part of the run, and about how long it takes. */
interface Step {
  seconds: number;
  measure: () => Promise<Figure[]>;
}

function quickRun(): Step[] {
  const how: Measure = { rounds: ROUNDS, ms: 100, progress };
  return [
    { seconds: 45, measure: () => measureThroughput(how, TARGET_SHAPES) },
    { seconds: 35, measure: () => measureTogether(how, [1024]) },
    { seconds: 5, measure: () => measureCodecs({ ...how, ms: 20 }) },
    { seconds: 5, measure: () => measureWatching(how) },
  ];
}

function wholeRun(): Step[] {
  const how: Measure = { rounds: ROUNDS, ms: 250, progress };
  const containers = { seconds: 220, measure: () => measureContainers(how) };
  return [
    { seconds: 270, measure: () => measureThroughput(how, ALL_SHAPES) },
    { seconds: 240, measure: () => measureTogether({ ...how, ms: 700 }) },
    { seconds: 20, measure: () => measureCodecs({ ...how, ms: 100 }) },
    { seconds: 35, measure: () => measureExchanges(how) },
    { seconds: 60, measure: () => measureIdle(how) },
    // Three percent are less than the noise of ten rounds.
    { seconds: 50, measure: () => measureWatching({ ...how, rounds: 3 * ROUNDS, ms: 700 }) },
    { seconds: 15, measure: () => measureStart(how) },
    ...(engine ? [containers] : []),
  ];
}

/** Whether this run and the one that was kept before say the same. */
function comparison(): string {
  if (!existsSync(RESULTS)) return 'There is no earlier run to compare this one with.';
  const { targets: before, date } = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
  const different = disagreements(before, targets);
  if (different.length === 0) return `It agrees with the run of ${date}: the intervals of all targets overlap.`;
  return `It does not agree with the run of ${date} in: ${different.join('; ')}.`;
}

/** Where the time goes in what is furthest from its target. */
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

/** Ends with a sentence where a peer is missing. */
function assertInstalled(): void {
  const missing = PEERS.filter((peer) => spawnSync(peer, ['--version'], { stdio: 'ignore' }).error !== undefined);
  if (missing.length === 0) return;
  console.error(
    `The peers ${missing.join(' and ')} are not installed here; on Debian: apt-get install ${missing.join(' ')}`,
  );
  process.exit(1);
}

/** For people who read along, and for the next run. */
async function keep(results: Results): Promise<void> {
  mkdirSync(PLOTS, { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 1)}\n`);
  await writePlots(results.figures, PLOTS);
  const [words] = readFileSync(PAPER, 'utf8').split(/(?<=<!-- figures -->\n)/);
  writeFileSync(PAPER, `${words}\n${figuresInMarkdown(results)}\n`);
  execFileSync('pnpm', ['exec', 'oxfmt', RESULTS, PAPER], { cwd: BENCH });
}

function machine(): Machine {
  return {
    processor: cpus()[0]!.model.trim(),
    // Not `availableParallelism`, which sees the one to which this process is pinned.
    cores: cpus().length,
    system: `${type()} ${release()}`,
    node: process.versions.node,
  };
}

/** One line that says what is running, and how much of the time is over. */
function progress(what: string): void {
  if (process.stderr.isTTY)
    process.stderr.write(`\r\x1b[K${minutes(performance.now() - start)} of about ${minutes(expected * 1000)}  ${what}`);
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
