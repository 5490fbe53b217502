/** What the README and the tour tell to type in passing, in the middle of a sentence, is typed as well. */
import { expect, test } from 'vitest';

import { chaptersOf } from './paper.ts';
import { DocRunner } from './reader.ts';

test.for(chaptersOf('tests/in-passing.md'))(
  '$title lead to what their sentences say',
  { timeout: 120_000 },
  async (chapter) => {
    await using reader = await DocRunner.come();
    expect(await reader.follow(chapter)).toBeUndefined();
  },
);
