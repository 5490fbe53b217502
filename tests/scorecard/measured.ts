/** How tests report measurements for the scorecard. */
import type { TestContext } from 'vitest';

import type { LineId } from './lines.ts';

export interface Measurement {
  line: LineId;
  what: string;
  /** Median, worst and number of values; or a count out of a total. */
  result: string;
}

declare module 'vitest' {
  interface TaskMeta {
    measurements?: Measurement[];
  }
}

/** A size or duration: full for `pnpm scorecard`, small for a test run. */
export function scaled<Size>({ test, scorecard }: { test: Size; scorecard: Size }): Size {
  return process.env['SCORECARD'] === undefined ? test : scorecard;
}

/** Reports `values`, of which the largest is the worst. */
export function measured(
  { task }: TestContext,
  { line, what, values, unit }: { line: LineId; what: string; values: number[]; unit: string },
): void {
  const sorted = values.toSorted((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  const inUnit = (value: number) => `${Number(value.toPrecision(4))} ${unit}`.trim();
  const result =
    values.length === 1
      ? inUnit(sorted[0]!)
      : `median ${inUnit(median)}, worst ${inUnit(sorted.at(-1)!)} (n = ${values.length})`;
  (task.meta.measurements ??= []).push({ line, what, result });
}

/** Reports `count` out of `of`. */
export function counted(
  { task }: TestContext,
  { line, what, count, of }: { line: LineId; what: string; count: number; of: number },
): void {
  (task.meta.measurements ??= []).push({ line, what, result: `${count} of ${of}` });
}
