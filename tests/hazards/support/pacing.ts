/** Many clients one after another, but never more in a second than a machine has ports for: a closed one stays taken for a minute. */
import { setTimeout as sleep } from 'node:timers/promises';

export const MOST_PER_SECOND = 400;

/** Begins each without waiting for the ones before; resolves with what all of them came to, in their order. */
export async function paced<Result>(
  count: number,
  begin: (n: number) => Promise<Result>,
  perSecond = MOST_PER_SECOND,
): Promise<Result[]> {
  const began = performance.now();
  const begun: Promise<PromiseSettledResult<Result>[]>[] = [];
  for (let n = 0; n < count; n += 1) {
    await sleep(Math.max(0, began + (n * 1000) / perSecond - performance.now()));
    // Settled, since nobody looks at a failure before the last has begun.
    begun.push(Promise.allSettled([begin(n)]));
  }
  return (await Promise.all(begun)).flat().map((settled) => {
    if (settled.status === 'rejected') throw settled.reason;
    return settled.value;
  });
}
