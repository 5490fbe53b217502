import { globSync, readFileSync } from 'node:fs';

import { clientSettings } from '@knock/client/settings';
import { serverSettings } from '@knock/server/settings';
import { expect, test } from 'vitest';
import { z } from 'zod';

import { commandsInSentencesOf, fencesOf, readDoc } from '../support/doc.ts';

/** What a schema says of its settings, as a table in Markdown. */
function settingsTable(schema: z.ZodObject): string {
  const { properties } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const rows = Object.entries(properties as Record<string, { description?: string; rule?: string }>);
  const defaults = schema.parse({});
  return [
    '| setting | default | values | |',
    '|---|---|---|---|',
    ...rows.map(([name, { rule = 'text', description = '' }]) => {
      const value = `${defaults[name] as string | number | undefined}`;
      const shown = value === 'undefined' || value === '' ? 'none' : `\`${value}\``;
      return `| \`${name}\` | ${shown} | ${rule} | ${description} |`;
    }),
  ].join('\n');
}

test('docs/settings.md has every setting of the schemas, and nothing else', async () => {
  const page = `# Settings

All settings are environment variables, and all are checked before anything starts: a wrong one ends the program within a
second with exit code 78, and one line for each problem. This page is made from the schemas; \`npx -y pnpm@12 docs:settings\` makes
it anew.

## Server

${settingsTable(serverSettings)}

## Client

${settingsTable(clientSettings)}
`;
  await expect(page).toMatchFileSnapshot('../../docs/settings.md');
});

test.each(['examples/client.ts', 'examples/server.ts'])('the README shows %s as it is', (path) => {
  expect(readDoc('README.md')).toContain(`\`\`\`ts\n${readDoc(path)}\`\`\``);
});

test.each([
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'docs/protocol.md',
  'docs/decisions.md',
  'docs/operating.md',
  'docs/tour.md',
  'docs/performance.md',
  'docs/settings.md',
])('every file that %s names is there', (paper) => {
  const base = new URL(`../../${paper}`, import.meta.url);
  const links = readDoc(paper).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g);
  for (const [, link] of links) expect.soft(() => readFileSync(new URL(link!, base)), link).not.toThrow('ENOENT');
});

test('the map in the README has every source file, once', () => {
  const root = new URL('../..', import.meta.url);
  const files = globSync('{services/*,packages/shared}/src/**/*.*', { cwd: root }).filter(
    (file) => !file.endsWith('.test.ts'),
  );
  const [, map = ''] = /^## The map$(.*?)^## /ms.exec(readDoc('README.md')) ?? [];
  const linked = Array.from(map.matchAll(/\]\(([^)]+)\)/g), ([, link]) => link!);
  expect(linked.toSorted()).toEqual(files.toSorted());
});

test.each([
  ['README.md', ['npx -y pnpm@12 test']],
  ['docs/tour.md', ['docker compose build']],
])('%s has no commands but those that a test types, and what the tests themselves begin with', (paper, begins) => {
  const fences = fencesOf(readDoc(paper));
  const kinds = new Set(fences.map(({ kind }) => kind));
  expect([...kinds].filter((kind) => !['sh', 'text', 'ts', 'mermaid', ''].includes(kind))).toEqual([]);
  const unnamed = fences.filter(({ kind }) => kind === '').map(({ body }) => body.trim());
  expect(unnamed.filter((body) => !body.startsWith('Test Files'))).toEqual(begins);
});

test.each(['README.md', 'docs/tour.md'])(
  'a box of %s may be pasted whole: what would read the rest of it is its last line',
  (paper) => {
    const commands = fencesOf(readDoc(paper)).filter(({ kind }) => kind === 'sh' || kind === '');
    const readsOn = (line: string) => /^(?:\w+=\S+ )*docker compose (?:run|exec) (?!.*-T )/.test(line);
    const notLast = commands.flatMap(({ body }) => body.trimEnd().split('\n').slice(0, -1)).filter(readsOn);
    expect(notLast).toEqual([]);
  },
);

test.each(['README.md', 'docs/tour.md'])(
  'what %s tells to type in the middle of a sentence is typed by a test',
  (paper) => {
    const typed = ['README.md', 'docs/tour.md', 'tests/docs/inline-commands.md']
      .flatMap((path) => fencesOf(readDoc(path)))
      .filter(({ kind }) => kind === 'sh')
      .flatMap(({ body }) => body.split('\n').map((line) => line.replace(/ +# .*$/, '')));
    const commands = commandsInSentencesOf(paper);
    expect(commands.length).toBeGreaterThan(3);
    // It is what the test command itself begins with.
    expect(commands.filter((command) => command !== 'npx -y pnpm@12 check' && !typed.includes(command))).toEqual([]);
  },
);
