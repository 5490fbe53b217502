/** The tour, as a reader takes it: every command is typed, and what is seen is what the tour shows. */
import { expect, test } from 'vitest';

import { chaptersOf } from './paper.ts';
import { Reader } from './reader.ts';

const CHAPTERS = chaptersOf('docs/tour.md');

test('the tour has eight chapters', () => {
  expect(CHAPTERS.map(({ title }) => title.slice(0, 2))).toEqual(['1 ', '2 ', '3 ', '4 ', '5 ', '6 ', '7 ', '8 ']);
});

test.for(CHAPTERS)('$title: what is typed leads to what is shown', { timeout: 300_000 }, async (chapter) => {
  await using reader = await Reader.come();
  await reader.follow(chapter);
});
