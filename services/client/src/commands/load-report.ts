/** The report of the command `load`: an object for machines, and lines with a histogram for people. */
import type { OutcomeKind } from '../delivery/outcome.ts';

/** In milliseconds. */
export interface Latencies {
  /** By `p50`, `p90`, `p99` and `p99.9`. */
  percentiles: Record<string, number>;
  highest: number;
  /** A histogram: `count` latencies were at most `below`, and above the previous class. */
  classes: { below: number; count: number }[];
}

export interface LoadReport {
  connections: number;
  depth: number;
  seconds: number;
  outcomes: Record<OutcomeKind, number>;
  latencies: Latencies;
  /** The outcome of the last message without a reply. */
  lastWithoutReply: string | undefined;
  /** The exit code of the worst outcome. */
  exitCode: number;
}

const MAX_BAR_LENGTH = 50;

/** Lines for a terminal. */
export function formatReport({
  connections,
  depth,
  seconds,
  outcomes,
  latencies,
  lastWithoutReply,
}: LoadReport): string {
  const { replied, ...others } = outcomes;
  const rest = Object.entries(others).filter(([, count]) => count > 0);
  const besides = rest.map(([kind, count]) => `, ${count} ${kind.replace('_', ' ')}`).join('');
  const clients = connections === 1 ? '1 connection' : `${connections} connections`;
  const rate = Math.round(replied / seconds).toLocaleString('en');
  const lines = [
    `${rate} replies a second (${replied} in ${seconds.toFixed(1)} s, ${clients} × ${depth} unanswered${besides})`,
  ];
  if (lastWithoutReply !== undefined) lines.push(`Last message without a reply: ${lastWithoutReply}`);
  if (replied === 0) return lines.join('\n');
  const shares = Object.entries(latencies.percentiles).map(([share, ms]) => `${share} ${inMs(ms)}`);
  return [
    ...lines,
    '',
    `latency: ${shares.join(', ')}, highest ${inMs(latencies.highest)}`,
    ...histogram(latencies),
  ].join('\n');
}

/** A bar for each class, scaled to the largest. */
function histogram({ classes }: Latencies): string[] {
  const all = classes.reduce((sum, { count }) => sum + count, 0);
  const max = Math.max(...classes.map(({ count }) => count));
  const labels = classes.map(({ below }) => `≤ ${inMs(below)}`);
  const width = Math.max(...labels.map((label) => label.length));
  return classes.map(({ count }, place) => {
    const bar = '█'.repeat(Math.ceil((count / max) * MAX_BAR_LENGTH));
    return `${labels[place]!.padStart(width)} │${bar} ${((count / all) * 100).toFixed(2)} %`;
  });
}

function inMs(ms: number): string {
  return `${Number(ms.toPrecision(3))} ms`;
}
