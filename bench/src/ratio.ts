/** Ratios of paired rounds, and what can be said of them. */

/** What the rounds say of a ratio (or a difference): its median, and where the true median lies. */
export interface Estimate {
  median: number;
  low: number;
  high: number;
  rounds: number;
}

export type Verdict = 'met' | 'not met' | 'within noise';

/** The goal for an estimate: at least or at most so much. */
export interface Goal {
  atLeast?: number;
  atMost?: number;
}

/** Fewer pairs say too little: of ten, the second smallest and the second largest hold the true median in 97.9 % of all cases. */
const LEAST_ROUNDS = 10;

/** Of two competitors, round by round: what disturbs the machine in a round disturbs both. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value / theirs[round]!);
}

/**
 * The median with its interval of at least 95 %, which takes nothing for granted but that rounds do not depend on one another: how many of
 * them lie below the true median is a matter of tossing a coin (the sign test's interval).
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

/** Whether an estimate reaches its goal: only where all of its interval lies on one side is that known. */
export function judge({ low, high, rounds }: Estimate, { atLeast = -Infinity, atMost = Infinity }: Goal): Verdict {
  // What is the same whenever it is looked at, such as a size, needs no rounds.
  if (rounds > 1 && rounds < LEAST_ROUNDS) return 'within noise';
  if (low >= atLeast && high <= atMost) return 'met';
  return high < atLeast || low > atMost ? 'not met' : 'within noise';
}

/** How likely it is that of `tosses` coins exactly `heads` show heads. */
function chanceOf(tosses: number, heads: number): number {
  let chance = 0.5 ** tosses;
  for (let n = 1; n <= heads; n += 1) chance *= (tosses - n + 1) / n;
  return chance;
}
