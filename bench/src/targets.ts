/** Knock's performance targets, and the verdict of a run on each. */
import type { Figure, Measure } from './figure.ts';
import { estimate, type Estimate, type Goal, judge, ratios, type Verdict } from './ratio.ts';

export interface Target {
  title: string;
  figure: string;
  /** The competitor whose value is judged. */
  of: string;
  /** The competitor it is compared with, as `by` says; none: the value itself is judged. */
  baseline?: string;
  by: 'ratio' | 'difference' | 'value';
  goal: Goal;
  /** For a difference or a value. */
  unit?: string;
}

export interface Judged extends Target {
  estimate: Estimate;
  verdict: Verdict;
}

const FRAMES = 'Knock, frames';
const NET = 'bare node:net';
const HTTP = 'Knock, HTTP';
const NODE_HTTP = 'bare node:http';
const REDIS = 'redis-server';

function ratio(title: string, figure: string, of: string, baseline: string, goal: Goal): Target {
  return { title, figure, of, baseline, by: 'ratio', goal };
}

export const TARGETS: readonly Target[] = [
  ratio('HTTP GET, 50 × 1, to bare node:http', 'throughput-get-50x1-22B', HTTP, NODE_HTTP, { atLeast: 1.1 }),
  ratio('HTTP POST, 50 × 1, to bare node:http', 'throughput-50x1-13B', HTTP, NODE_HTTP, { atLeast: 1.2 }),
  ratio('HTTP GET, 50 × 16, to bare node:http', 'throughput-get-50x16-22B', HTTP, NODE_HTTP, { atLeast: 4 }),
  ratio('HTTP GET, 50 × 1, to Fastify', 'throughput-get-50x1-22B', HTTP, 'Fastify', { atLeast: 1.5 }),
  ratio(
    'client and server in HTTP, 64 connections, to undici and node:http',
    'together-64',
    HTTP,
    'undici and node:http',
    { atLeast: 2 },
  ),
  ratio('frames, 50 × 1, to bare node:net', 'throughput-50x1-13B', FRAMES, NET, { atLeast: 0.88 }),
  ratio('frames, 50 × 16, to bare node:net', 'throughput-50x16-13B', FRAMES, NET, { atLeast: 0.88 }),
  ratio('frames, 50 × 64, to bare node:net', 'throughput-50x64-13B', FRAMES, NET, { atLeast: 0.6 }),
  ratio('frames, 50 × 16, to redis-server', 'throughput-50x16-13B', FRAMES, REDIS, { atLeast: 1 }),
  ratio('frames, 50 × 64, to redis-server', 'throughput-50x64-13B', FRAMES, REDIS, { atLeast: 1.5 }),
  ratio('frames, 1 × 256, to redis-server', 'throughput-1x256-13B', FRAMES, REDIS, { atLeast: 1.5 }),
  ratio('frames, 50 × 1, 64 KiB, to bare node:net', 'throughput-50x1-64KiB', FRAMES, NET, { atLeast: 1 }),
  ratio('frames, 4 × 1, 1 MiB, to bare node:net', 'throughput-4x1-1MiB', FRAMES, NET, { atLeast: 0.6 }),
  ratio(
    'one exchange for each connection, with its line of log: processor, to bare node:net',
    'exchange-cpu',
    FRAMES,
    NET,
    { atMost: 1.5 },
  ),
  ratio(
    'client and server, 1024 outstanding, to ioredis and redis-server',
    'together-1024',
    'Knock',
    'ioredis and redis-server',
    { atLeast: 6 },
  ),
  ratio('client and server, 1024 outstanding, to zeromq.js', 'together-1024', 'Knock', 'zeromq.js', { atLeast: 20 }),
  ratio('client and server, 1024 outstanding, to grpc-js', 'together-1024', 'Knock', 'grpc-js', { atLeast: 200 }),
  {
    title: 'memory for an idle connection, above bare node:net',
    figure: 'idle-memory',
    of: FRAMES,
    baseline: NET,
    by: 'difference',
    goal: { atMost: 2048 },
    unit: 'bytes',
  },
  ratio('under full load with somebody watching, to without', 'watching', 'watched', 'unwatched', { atLeast: 0.98 }),
  {
    title: 'the server’s image, beyond the Node binary',
    figure: 'image-size',
    of: 'server',
    by: 'value',
    goal: { atMost: 12_000_000 },
    unit: 'bytes',
  },
  {
    title: '`docker compose up` to the first reply',
    figure: 'first-reply',
    of: 'Knock',
    by: 'value',
    goal: { atMost: 1500 },
    unit: 'ms',
  },
];

/** Targets whose title contains one of these texts, in any case. */
export function targetsNamed(texts: readonly string[]): Target[] {
  const wanted = texts.map((text) => text.toLowerCase());
  return TARGETS.filter(({ title }) => wanted.some((text) => title.toLowerCase().includes(text)));
}

/** What to measure for some targets: their figures, and in each the competitors that they compare. */
export function wantedBy(targets: readonly Target[]): Measure['wants'] {
  return (id, name) =>
    targets.some(
      ({ figure, of, baseline }) => figure === id && (name === undefined || name === of || name === baseline),
    );
}

/** Judges the targets that were measured. */
export function judgeAll(figures: readonly Figure[]): Judged[] {
  return TARGETS.flatMap((target) => {
    const values = valuesOf(target, figures);
    if (values === undefined) return [];
    const estimated = estimate(values);
    return [{ ...target, estimate: estimated, verdict: judge(estimated, target.goal) }];
  });
}

/** Titles of targets whose intervals do not overlap in two runs. */
export function disagreements(before: readonly Judged[], now: readonly Judged[]): string[] {
  const earlier = new Map(before.map(({ title, estimate: interval }) => [title, interval]));
  return now.flatMap(({ title, estimate: { low, high } }) => {
    const other = earlier.get(title);
    return other === undefined || (low <= other.high && other.low <= high) ? [] : title;
  });
}

function valuesOf({ figure, of, baseline, by }: Target, figures: readonly Figure[]): number[] | undefined {
  const values = figures.find(({ id }) => id === figure)?.values;
  const own = values?.[of];
  if (own === undefined || by === 'value') return own;
  const theirs = values?.[baseline!];
  if (theirs === undefined) return undefined;
  return by === 'ratio' ? ratios(own, theirs) : own.map((value, round) => value - theirs[round]!);
}
