/** Properties that are tried on as many random inputs as a line of the scorecard asks for. */
import { check, defaultReportMessage, type IAsyncPropertyWithHooks } from 'fast-check';
import type { TestContext } from 'vitest';

import type { LineId } from '../../scorecard/lines.ts';
import { counted } from '../../scorecard/measured.ts';

interface Trial<Input extends [unknown, ...unknown[]]> {
  /** The line of the scorecard, and what is counted: inputs for which the property does not hold. */
  line: LineId;
  what: string;
  runs: number;
  property: IAsyncPropertyWithHooks<Input>;
}

/**
 * The smallest input for which the property does not hold, with the seed that leads to it again; undefined: there is
 * none. It is counted before anybody is disappointed, so that the scorecard knows of failures.
 */
export async function counterexample<Input extends [unknown, ...unknown[]]>(
  context: TestContext,
  { line, what, runs, property }: Trial<Input>,
): Promise<string | undefined> {
  const details = await check(property, { numRuns: runs, includeErrorInReport: true });
  counted(context, { line, what, count: details.failed ? 1 : 0, of: details.numRuns });
  return defaultReportMessage(details);
}
