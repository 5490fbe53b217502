/** The figures as tables, for a terminal and for `docs/performance.md`. */
import type { Figure } from './figure.ts';
import type { Profile } from './profile.ts';
import { estimate, type Goal, median, ratios } from './ratio.ts';
import type { Judged } from './targets.ts';

/** Where and when it was measured. */
export interface Machine {
  processor: string;
  cores: number;
  system: string;
  node: string;
}

export interface Results {
  machine: Machine;
  date: string;
  targets: Judged[];
  figures: Figure[];
  profiles: Profile[];
}

/** The targets as a Markdown table. */
export function targetTable(targets: readonly Judged[]): string {
  const rows = targets.map(({ title, goal, estimate: interval, verdict, by, unit }) => {
    const { median: middle, low, high, rounds } = interval;
    const number = (value: number) => (by === 'ratio' ? value.toFixed(2) : formatNumber(value));
    const range = rounds > 1 ? `${number(low)} to ${number(high)}` : '';
    const measured = by === 'ratio' ? number(middle) : `${number(middle)} ${unit}`;
    return [title, formatGoal(goal, by === 'ratio' ? undefined : unit), measured, range, String(rounds), verdict];
  });
  return table(['what', 'target', 'measured', 'interval', 'n', 'verdict'], rows);
}

/** A figure for a terminal: each median, and the ratio of ours to theirs in the same rounds. */
export function formatFigure({ title, unit, values }: Figure): string {
  const names = Object.keys(values);
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => {
    return `  ${name.padEnd(width)}  ${formatNumber(median(values[name]!)).padStart(12)}${comparison(values, name)}`;
  });
  return [`${title}, ${unit}`, ...lines].join('\n');
}

function comparison(values: Figure['values'], name: string): string {
  const own = oursBeside(name, Object.keys(values));
  if (own === undefined) return '';
  const { median: middle, low, high } = estimate(ratios(values[own]!, values[name]!));
  return `   ${own} to it: ${formatNumber(middle)} (${formatNumber(low)} to ${formatNumber(high)})`;
}

const OURS = ['Knock, frames', 'Knock', 'knock', 'watched'];

/** Which of ours a competitor is compared with; undefined for ours, and where we have none. */
function oursBeside(name: string, names: readonly string[]): string | undefined {
  const ours =
    /http/i.test(name) && names.includes('Knock, HTTP') ? 'Knock, HTTP' : OURS.find((one) => names.includes(one));
  const isOurs = name === ours || OURS.includes(name) || ['Knock, text', 'Knock, HTTP'].includes(name);
  return isOurs ? undefined : ours;
}

/** A table of medians for one section: a row per figure, a column per competitor. */
function sectionTable(figures: readonly Figure[]): string {
  const names = [...new Set(figures.flatMap(({ values }) => Object.keys(values)))];
  const rows = figures.map(({ title, unit, values }) => [
    title,
    unit,
    ...names.map((name) => (values[name] ? formatNumber(median(values[name])) : '')),
  ]);
  return table(['median of the rounds', 'unit', ...names], rows);
}

/** Figures by section, in the order of measurement. */
function sections(figures: readonly Figure[]): Map<string, Figure[]> {
  return Map.groupBy(figures, ({ section }) => section);
}

/** All tables, as `docs/performance.md` shows them. */
export function figuresInMarkdown({ machine, date, targets, figures, profiles }: Results): string {
  const { processor, cores, system, node } = machine;
  const parts = [
    `Measured on ${date}: ${processor}, ${cores} cores, ${system}, Node ${node}.`,
    '### Targets',
    targetTable(targets),
  ];
  for (const [section, own] of sections(figures)) parts.push(`### ${section}`, sectionTable(own));
  for (const { title, shares } of profiles) parts.push(`### Where the time goes: ${title}`, shareTable(shares));
  return parts.join('\n\n');
}

function shareTable(shares: Profile['shares']): string {
  return table(
    ['what the server does', 'of its time'],
    shares.map(([what, share]) => [`\`${what}\``, `${(share * 100).toFixed(1)} %`]),
  );
}

function formatGoal({ atLeast, atMost }: Goal, unit = ''): string {
  const [sign, value] = atLeast === undefined ? ['≤', atMost!] : ['≥', atLeast];
  return `${sign} ${unit === '' ? value : formatNumber(value)} ${unit}`.trim();
}

/** Three significant digits, with thousands separators. */
function formatNumber(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

function table(head: string[], rows: string[][]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
