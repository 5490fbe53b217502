/** The README, as somebody new follows it: every command is typed. (`pnpm test` is this run itself.) */
import { expect, test } from 'vitest';

import { DocRunner } from '../support/doc-runner.ts';
import { chaptersOf } from '../support/doc.ts';

const SECTIONS = chaptersOf('README.md');
const TALK = 'Talk to it';

test('the README has something to type where one would look for it', () => {
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

async function startDemo(reader: DocRunner): Promise<void> {
  await reader.type({ terminal: 'up', body: 'docker compose up' });
  expect(await reader.sees({ terminal: 'up', body: 'server-1 | …INFO: server-1 listens on port 12000: …' })).toBe(true);
}

const OTHERS = SECTIONS.filter(({ title }) => title !== TALK);

test.for(OTHERS)('$title: what is typed leads to what is shown', { timeout: 180_000 }, async (section) => {
  await using reader = await DocRunner.come();
  // It speaks of the demo of the sections before.
  if (section.title === 'Put a load on it') await startDemo(reader);
  expect(await reader.follow(section)).toBeUndefined();
});

test('Talk to it: each of the ways prints the reply, and nothing else', { timeout: 120_000 }, async () => {
  await using reader = await DocRunner.come();
  await startDemo(reader);
  const { title, blocks } = SECTIONS.find((section) => section.title === TALK)!;
  const [ways, ...others] = blocks;
  const printed: [way: string, text: string][] = [];
  for (const way of ways!.body.trimEnd().split('\n')) {
    await reader.type({ terminal: undefined, body: way });
    printed.push([way, reader.shown()]);
  }
  expect(printed).toEqual(printed.map(([way]) => [way, 'hello from the server!\n']));
  expect(await reader.follow({ title, blocks: others })).toBeUndefined();
});
