/** What the README and the tour tell to type in passing, in the middle of a sentence, is typed as well. */
import { expect, test } from 'vitest';

import { DocRunner } from '../support/doc-runner.ts';
import { chaptersOf } from '../support/doc.ts';

test.for(chaptersOf('tests/docs/inline-commands.md'))(
  '$title lead to what their sentences say',
  { timeout: 120_000 },
  async (chapter) => {
    await using reader = await DocRunner.come();
    expect(await reader.follow(chapter)).toBeUndefined();
  },
);
