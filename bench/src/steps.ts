/** The steps of a run. */
import { measureCodecs } from './codecs.ts';
import { measureContainers } from './containers.ts';
import { measureExchanges } from './exchanges.ts';
import type { Figure, Measure } from './figure.ts';
import { measureIdle } from './idle.ts';
import { measureStart } from './start.ts';
import { ALL_SHAPES, measureThroughput, TARGET_SHAPES } from './throughput.ts';
import { measureTogether } from './together.ts';
import { measureWatching } from './watching.ts';

const ROUNDS = 16;

/** A part of the run. */
export interface Step {
  /** The ids of its figures. */
  figures: RegExp;
  /** Approximate duration. */
  seconds: number;
  measure: () => Promise<Figure[]>;
}

type Common = Pick<Measure, 'progress' | 'wants'>;

/** The fastest measurements, in short rounds. */
export function quickRun(common: Common): Step[] {
  const how = { ...common, rounds: ROUNDS, ms: 50 };
  return [
    { figures: /^throughput-/, seconds: 60, measure: () => measureThroughput(how, TARGET_SHAPES) },
    // Each round starts five clients.
    { figures: /^together-/, seconds: 35, measure: () => measureTogether({ ...how, rounds: 10, ms: 100 }, [1024]) },
    { figures: /^codec-/, seconds: 6, measure: () => measureCodecs({ ...how, ms: 20 }) },
    { figures: /^watching$/, seconds: 6, measure: () => measureWatching({ ...how, ms: 100 }) },
  ];
}

/** Everything. `engine`: whether a Docker engine answers. */
export function wholeRun(common: Common, engine: boolean): Step[] {
  const how = { ...common, rounds: ROUNDS, ms: 250 };
  const figures = /^(image-size|first-reply|replicas-.+)$/;
  const containers = { figures, seconds: 260, measure: () => measureContainers(how) };
  return [
    { figures: /^throughput-/, seconds: 460, measure: () => measureThroughput(how, ALL_SHAPES) },
    { figures: /^together-/, seconds: 385, measure: () => measureTogether({ ...how, ms: 700 }) },
    { figures: /^codec-/, seconds: 30, measure: () => measureCodecs({ ...how, ms: 100 }) },
    { figures: /^exchange-cpu$/, seconds: 90, measure: () => measureExchanges(how) },
    { figures: /^idle-memory$/, seconds: 60, measure: () => measureIdle(how) },
    // Sixteen rounds are too noisy to see a difference of 2 %.
    { figures: /^watching$/, seconds: 50, measure: () => measureWatching({ ...how, rounds: 2 * ROUNDS, ms: 700 }) },
    { figures: /^start$/, seconds: 20, measure: () => measureStart(how) },
    ...(engine ? [containers] : []),
  ];
}
