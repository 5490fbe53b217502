/** The tour, as a reader takes it: every command is typed, and what is seen is what the tour shows. */
import { expect, test } from 'vitest';

import { chaptersOf } from './paper.ts';
import { Reader } from './reader.ts';

const CHAPTERS = chaptersOf('docs/tour.md');

test('the tour has eight chapters', () => {
  expect(CHAPTERS.map(({ title }) => title[0]).join('')).toBe('12345678');
});

test.for(CHAPTERS)('$title: what is typed leads to what is shown', { timeout: 300_000 }, async (chapter) => {
  await using reader = await Reader.come();
  expect(await reader.follow(chapter)).toBeUndefined();
});
