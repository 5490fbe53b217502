/** The README as a new reader follows it: every command is typed. (`pnpm test` is this run itself.) */
import { expect, test } from 'vitest';

import { DocRunner } from '../support/doc-runner.ts';
import { chaptersOf } from '../support/doc.ts';

const SECTIONS = chaptersOf('README.md');
const TALK = 'Talk to it';

test('these sections of the README have commands', () => {
  expect(SECTIONS.map(({ title }) => title)).toEqual([
    'Run it',
    TALK,
    'Change the reply',
    'Scale it',
    'Put a load on it',
    'Inside TLS',
    'Settings',
  ]);
});

async function startDemo(runner: DocRunner): Promise<void> {
  await runner.type({ terminal: 'up', body: 'docker compose up' });
  expect(await runner.sees({ terminal: 'up', body: 'server-1 | …INFO: server-1 listens on port 12000: …' })).toBe(true);
}

const OTHERS = SECTIONS.filter(({ title }) => title !== TALK);

test.for(OTHERS)('$title: the commands print what the README shows', { timeout: 180_000 }, async (section) => {
  await using runner = await DocRunner.create();
  // This section needs the demo of earlier sections.
  if (section.title === 'Put a load on it') await startDemo(runner);
  expect(await runner.follow(section)).toBeUndefined();
});

test('Talk to it: each command prints exactly the reply', { timeout: 120_000 }, async () => {
  await using runner = await DocRunner.create();
  await startDemo(runner);
  const { title, blocks } = SECTIONS.find((section) => section.title === TALK)!;
  const [commands, ...others] = blocks;
  const printed: [command: string, text: string][] = [];
  for (const command of commands!.body.trimEnd().split('\n')) {
    await runner.type({ terminal: undefined, body: command });
    printed.push([command, runner.shown()]);
  }
  expect(printed).toEqual(printed.map(([command]) => [command, 'hello from the server!\n']));
  expect(await runner.follow({ title, blocks: others })).toBeUndefined();
});
