/** Ratios of paired rounds, and their confidence intervals. */

/** The median of a ratio (or a difference) over all rounds, and the confidence interval of the true median. */
export interface Estimate {
  median: number;
  low: number;
  high: number;
  rounds: number;
}

export type Verdict = 'met' | 'not met' | 'within noise';

/** The goal for an estimate: a lower or an upper bound. */
export interface Goal {
  atLeast?: number;
  atMost?: number;
}

/** With ten pairs, the second smallest and second largest enclose the true median in 97.9 % of all cases; fewer say too little. */
const LEAST_ROUNDS = 10;

/** Round by round: a disturbance of the machine hits both competitors. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value / theirs[round]!);
}

/**
 * The median and its confidence interval of at least 95 %, by the sign test. It assumes only that rounds are independent: the number
 * of rounds below the true median then follows a binomial distribution.
 */
export function estimate(values: readonly number[]): Estimate {
  const sorted = values.toSorted((one, other) => one - other);
  const rounds = sorted.length;
  let outside = 0;
  let rank = 0;
  for (let chance = chanceOf(rounds, 0); outside + chance <= 0.025; chance = chanceOf(rounds, rank)) {
    outside += chance;
    rank += 1;
  }
  const at = Math.max(0, rank - 1);
  return { median: median(sorted), low: sorted[at]!, high: sorted[rounds - 1 - at]!, rounds };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
}

/** A verdict only if the whole interval lies on one side of the goal. */
export function judge({ low, high, rounds }: Estimate, { atLeast = -Infinity, atMost = Infinity }: Goal): Verdict {
  // A constant, such as a file size, needs one round only.
  if (rounds > 1 && rounds < LEAST_ROUNDS) return 'within noise';
  if (low >= atLeast && high <= atMost) return 'met';
  return high < atLeast || low > atMost ? 'not met' : 'within noise';
}

/** The probability of exactly `heads` heads in `tosses` tosses. */
function chanceOf(tosses: number, heads: number): number {
  let chance = 0.5 ** tosses;
  for (let n = 1; n <= heads; n += 1) chance *= (tosses - n + 1) / n;
  return chance;
}
