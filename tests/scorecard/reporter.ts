/** Writes `docs/scorecard.md` when a run is over. Lines that were not part of the run keep what was measured before. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import type { TestModule } from 'vitest/node';

import { type Line, type LineId, LINES } from './lines.ts';

const RAW = 'docs/scorecard.json';
const PAGE = 'docs/scorecard.md';

/** What is known of one line. */
interface Entry {
  day: string;
  met: boolean;
  results: string[];
}

type Entries = Partial<Record<LineId, Entry>>;

export default class ScorecardReporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const known = existsSync(RAW) ? (JSON.parse(readFileSync(RAW, 'utf8')) as Entries) : {};
    const entries = { ...known, ...entriesOf(modules) };
    writeFileSync(RAW, `${JSON.stringify(entries, null, 2)}\n`);
    writeFileSync(PAGE, page(entries));
  }
}

function entriesOf(modules: readonly TestModule[]): Entries {
  const entries: Entries = {};
  const day = new Date().toISOString().slice(0, 10);
  for (const test of modules.flatMap((module) => [...module.children.allTests()])) {
    for (const { line, what, result } of test.meta().measurements ?? []) {
      const entry = (entries[line] ??= { day, met: true, results: [] });
      entry.results.push(`${what}: ${result}`);
      // A test whose expectations do not hold has measured something else than what was promised.
      entry.met &&= test.result().state === 'passed';
    }
  }
  return entries;
}

function page(entries: Entries): string {
  const lines = Object.entries(LINES) as [LineId, Line][];
  const rows = lines.map(([id, { measure, anchors, promise, setting, remark }]) => {
    const { day = '', met, results = ['not measured'] } = entries[id] ?? {};
    const outcome = [met ? 'yes' : 'no', remark].filter(Boolean).join(': ');
    const measured = setting === undefined ? measure : `${measure} (${setting})`;
    const cells = [id, measured, anchors, promise, results.join('<br>'), outcome, day];
    return `| ${cells.join(' | ')} |`;
  });
  return `${[
    '# The scorecard',
    '',
    'What Knock promises under attack and in bad weather, beside what trusted systems promise, and what was measured, on the day that',
    'stands behind it: on the real containers, with the limits that are shipped, where the line does not say otherwise.',
    `\`npx -y pnpm@12 scorecard\` measures all lines anew and makes this page (${availableParallelism()} cores, Node ${process.versions.node} when it was made);`,
    'the same tests run with smaller numbers in `npx -y pnpm@12 test`.',
    '',
    '| line | measure | the field | our promise | measured | met | on |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')}\n`;
}
