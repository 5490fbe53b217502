/** Writes `docs/scorecard.md` after a run. Lines that were not measured keep their earlier results. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import type { TestModule } from 'vitest/node';

import { type Line, type LineId, LINES } from './lines.ts';

const RAW = 'docs/scorecard.json';
const PAGE = 'docs/scorecard.md';

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
      // A failed test means the promise was not met.
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
    'What Knock promises under attack and in failures, compared with other trusted systems, and what was measured, with its date.',
    'Unless a line says otherwise, tests use the real containers with the default limits. `npx -y pnpm@12 scorecard` measures all',
    `lines again and rewrites this page (last: ${availableParallelism()} cores, Node ${process.versions.node}). \`npx -y pnpm@12 test\``,
    'runs the same tests with smaller numbers.',
    '',
    '| line | measure | the field | our promise | measured | met | on |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')}\n`;
}
