import { globSync, readFileSync } from 'node:fs';

import { clientSettings } from '@knock/client/settings';
import { serverSettings } from '@knock/server/settings';
import { expect, test } from 'vitest';
import { z } from 'zod';

import { commandsInSentencesOf, fencesOf, readDoc } from '../support/doc.ts';

/** The settings of a schema as a Markdown table. */
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

test('docs/settings.md has exactly the settings of the schemas', async () => {
  const page = `# Settings

All settings are environment variables, validated before anything starts. If any is wrong, the program prints one line per
problem and exits with code 78. This page is generated from the schemas by \`npx -y pnpm@12 docs:settings\`.

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
  'SECURITY.md',
  'docs/protocol.md',
  'docs/decisions.md',
  'docs/operating.md',
  'docs/tour.md',
  'docs/performance.md',
  'docs/settings.md',
])('every file that %s links to exists', (doc) => {
  const base = new URL(`../../${doc}`, import.meta.url);
  const links = readDoc(doc).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g);
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
])('%s has only commands that a test types, except the test command itself', (doc, unnamedCommands) => {
  const fences = fencesOf(readDoc(doc));
  const kinds = new Set(fences.map(({ kind }) => kind));
  expect([...kinds].filter((kind) => !['sh', 'text', 'ts', 'mermaid', ''].includes(kind))).toEqual([]);
  const unnamed = fences.filter(({ kind }) => kind === '').map(({ body }) => body.trim());
  expect(unnamed.filter((body) => !body.startsWith('Test Files'))).toEqual(unnamedCommands);
});

test.each(['README.md', 'docs/tour.md'])(
  'a code block of %s can be pasted whole: a command that reads stdin is its last line',
  (doc) => {
    const commands = fencesOf(readDoc(doc)).filter(({ kind }) => kind === 'sh' || kind === '');
    const readsStdin = (line: string) => /^(?:\w+=\S+ )*docker compose (?:run|exec) (?!.*-T )/.test(line);
    const notLast = commands.flatMap(({ body }) => body.trimEnd().split('\n').slice(0, -1)).filter(readsStdin);
    expect(notLast).toEqual([]);
  },
);

test.each(['README.md', 'docs/tour.md'])('commands in sentences of %s are typed by a test', (doc) => {
  const typed = ['README.md', 'docs/tour.md', 'tests/docs/inline-commands.md']
    .flatMap((path) => fencesOf(readDoc(path)))
    .filter(({ kind }) => kind === 'sh')
    .flatMap(({ body }) => body.split('\n').map((line) => line.replace(/ +# .*$/, '')));
  const commands = commandsInSentencesOf(doc);
  expect(commands.length).toBeGreaterThan(3);
  // This one is part of the test command.
  expect(commands.filter((command) => command !== 'npx -y pnpm@12 check' && !typed.includes(command))).toEqual([]);
});
