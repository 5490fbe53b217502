/** Intended differences from the transcripts, each with the defect of the recorded server that it fixes. */
import type { Part } from './compare.ts';

export interface Difference {
  /** Case ids that match, or start with this. */
  cases: RegExp | string;
  /** The parts that differ. Default: any part, at least one per case. */
  parts?: readonly Part[];
  /** The defect, in a few words. */
  defect: string;
}

export const DIFFERENCES: readonly Difference[] = [];
