/** Where the server is meant to differ from its transcripts, and the defect of the recorded server that is the reason. */
import type { Part } from './compare.ts';

export interface Difference {
  /** The ids of the cases: those that match it, or that begin with it. */
  cases: RegExp | string;
  /** What differs in them. Without it everything may, and something has to in each of them. */
  parts?: readonly Part[];
  /** What was wrong, in a few words. */
  defect: string;
}

export const DIFFERENCES: readonly Difference[] = [];
