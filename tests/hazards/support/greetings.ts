/** Checks the outcomes that a demo's clients log against the recording handler's record. */
import { expect } from 'vitest';

import { scaled } from '../../scorecard/measured.ts';
import type { Demo } from '../../support/demo.ts';

/** Settings for the recording handler, with a delay of 1 ms, and for numbered greetings. */
export const RECORDED = {
  files: ['tests/support/recording/compose.yml'],
  environment: { MESSAGE: '{client} #{n}', REPLY: '1' },
};

/** How much later than its deadline an outcome may come, on a busy machine. */
const LATE_MS = scaled({ test: 10_000, scorecard: 100 });

/** A client's log line of a greeting. */
export interface Greeting {
  /** The client's. */
  name: string;
  /** The time of its outcome, in milliseconds since 1970. */
  time: number;
  message: string;
  outcome: string;
  attempts: number;
  /** From the first attempt to the outcome. */
  ms: number;
}

export async function greetings(demo: Demo): Promise<Greeting[]> {
  return (await demo.logs('client')).filter((line) => 'outcome' in line && 'attempts' in line) as unknown as Greeting[];
}

/** Each greeting has exactly one outcome, which is true and in time. */
export async function expectTrueOutcomes(
  demo: Demo,
  all: Greeting[],
  { deadlineMs }: { deadlineMs: number },
): Promise<void> {
  for (const [name, own] of Map.groupBy(all, ({ name: client }) => client)) {
    expect(own.map(({ message }) => message)).toEqual(own.map((_, index) => `${name} #${index + 1}`));
  }
  const handled = await timesHandled(demo);
  for (const { message, outcome, attempts, ms } of all) {
    const times = handled.get(message) ?? 0;
    // A greeting may be handled twice only if an attempt got no reply.
    const most = outcome === 'not_handled' ? 0 : attempts;
    expect
      .soft({ message, outcome, times })
      .toEqual({ message, outcome, times: expect.toSatisfy((n: number) => n <= most) });
    if (outcome === 'replied') expect.soft({ message, times }).not.toEqual({ message, times: 0 });
    expect.soft(ms).toBeLessThanOrEqual(deadlineMs + LATE_MS);
  }
}

/** How often each message was handled, from the recording handler. */
export async function timesHandled(demo: Demo): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const { handled } of await demo.logs('server')) {
    if (typeof handled === 'string') times.set(handled, (times.get(handled) ?? 0) + 1);
  }
  return times;
}
