/** The tour, as a reader takes it: every command is typed, and what is seen is what the tour shows. */
import { expect, test } from 'vitest';

import { DocRunner } from '../support/doc-runner.ts';
import { chaptersOf } from '../support/doc.ts';

const CHAPTERS = chaptersOf('docs/tour.md');

test('the tour has eight chapters', () => {
  expect(CHAPTERS.map(({ title }) => title[0]).join('')).toBe('12345678');
});

// The last one begins first, and the others run beside it one by one: it waits for Swarm most of its time.
test.concurrent.for([...CHAPTERS.slice(-1), ...CHAPTERS.slice(0, -1)])(
  '$title: what is typed leads to what is shown',
  { timeout: 300_000 },
  async (chapter, context) => {
    await using reader = await DocRunner.come();
    context.expect(await reader.follow(chapter)).toBeUndefined();
  },
);
