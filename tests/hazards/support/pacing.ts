/** Starts many clients at a rate that does not exhaust the ephemeral ports, which TIME_WAIT keeps for a minute. */
import { setTimeout as sleep } from 'node:timers/promises';

export const MOST_PER_SECOND = 400;

/** Starts each without waiting for earlier ones; resolves with all results, in order. */
export async function paced<Result>(
  count: number,
  begin: (n: number) => Promise<Result>,
  perSecond = MOST_PER_SECOND,
): Promise<Result[]> {
  const began = performance.now();
  const begun: Promise<PromiseSettledResult<Result>[]>[] = [];
  for (let n = 0; n < count; n += 1) {
    await sleep(Math.max(0, began + (n * 1000) / perSecond - performance.now()));
    // allSettled: an early failure would be unhandled until the last has started.
    begun.push(Promise.allSettled([begin(n)]));
  }
  return (await Promise.all(begun)).flat().map((settled) => {
    if (settled.status === 'rejected') throw settled.reason;
    return settled.value;
  });
}
