/** Property tests with as many random inputs as the scorecard asks for. */
import { check, defaultReportMessage, type IAsyncPropertyWithHooks } from 'fast-check';
import type { TestContext } from 'vitest';

import type { LineId } from '../../scorecard/lines.ts';
import { counted } from '../../scorecard/measured.ts';

interface Trial<Input extends [unknown, ...unknown[]]> {
  /** The scorecard's line; counts inputs for which the property fails. */
  line: LineId;
  what: string;
  runs: number;
  property: IAsyncPropertyWithHooks<Input>;
}

/**
 * The smallest input for which the property fails, with its seed; undefined: none. Counts first, so that the scorecard
 * records failures.
 */
export async function counterexample<Input extends [unknown, ...unknown[]]>(
  context: TestContext,
  { line, what, runs, property }: Trial<Input>,
): Promise<string | undefined> {
  const details = await check(property, { numRuns: runs, includeErrorInReport: true });
  counted(context, { line, what, count: details.failed ? 1 : 0, of: details.numRuns });
  return defaultReportMessage(details);
}
