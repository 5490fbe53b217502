/** How long handlers take, counted in plain numbers: the library's own counting costs more than most handlers do. */
import { Histogram, type Registry } from '@prometheus-io/client';

const NAME = 'knock_handling_seconds';

/** Upper bounds, from a handler that only computes to one that is about to be given up. */
const BOUNDS = [0.0001, 0.001, 0.01, 0.1, 1, 10];

export class HandlingTime {
  /** How many there are up to each bound and above the one before, and beyond the last. */
  readonly #counts = [...BOUNDS, Infinity].map(() => 0);
  #seconds = 0;

  /** `began`: on the clock of `performance.now()`. */
  add(began: number): void {
    const seconds = (performance.now() - began) / 1000;
    let place = 0;
    while (seconds > (BOUNDS[place] ?? Infinity)) place += 1;
    this.#counts[place]! += 1;
    this.#seconds += seconds;
  }

  /** Adds it to what is shown. Its buckets hold all that lie below their bound, as Prometheus has it. */
  showIn(registry: Registry): void {
    const help =
      'Time from a message to its reply; of messages that are read together and answered at once, that of the first';
    const histogram = new Histogram({ name: NAME, help, buckets: BOUNDS, registers: [registry] });
    const values = () => {
      let count = 0;
      const buckets = this.#counts.map((more, place) => {
        count += more;
        return { metricName: `${NAME}_bucket`, labels: { le: BOUNDS[place] ?? '+Inf' }, value: count };
      });
      return [
        ...buckets,
        { metricName: `${NAME}_sum`, labels: {}, value: this.#seconds },
        { metricName: `${NAME}_count`, labels: {}, value: count },
      ];
    };
    const shown = { name: NAME, help, type: 'histogram', aggregator: 'sum', collect: () => undefined };
    // The registry asks each metric for its values; this one has them elsewhere.
    Object.assign(histogram, {
      getForPromString: undefined,
      get: () => Promise.resolve({ ...shown, values: values() }),
    });
  }
}
