/** The tour as a reader takes it: every command is typed, and must print what the tour shows. */
import { expect, test } from 'vitest';

import { DocRunner } from '../support/doc-runner.ts';
import { chaptersOf } from '../support/doc.ts';

const CHAPTERS = chaptersOf('docs/tour.md');

test('the tour has eight chapters', () => {
  expect(CHAPTERS.map(({ title }) => title[0]).join('')).toBe('12345678');
});

// The last chapter starts first and mostly waits for Swarm; the others run meanwhile, one by one.
test.concurrent.for([...CHAPTERS.slice(-1), ...CHAPTERS.slice(0, -1)])(
  '$title: the commands print what the tour shows',
  { timeout: 300_000 },
  async (chapter, context) => {
    await using runner = await DocRunner.create();
    context.expect(await runner.follow(chapter)).toBeUndefined();
  },
);
