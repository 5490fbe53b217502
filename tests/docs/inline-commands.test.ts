/** Commands that the README and the tour name in the middle of a sentence are typed as well. */
import { expect, test } from 'vitest';

import { DocRunner } from '../support/doc-runner.ts';
import { chaptersOf } from '../support/doc.ts';

test.for(chaptersOf('tests/docs/inline-commands.md'))(
  '$title do what the sentences say',
  { timeout: 120_000 },
  async (chapter) => {
    await using runner = await DocRunner.create();
    expect(await runner.follow(chapter)).toBeUndefined();
  },
);
