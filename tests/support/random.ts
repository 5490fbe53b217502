/** Reproducible pseudo-random choices: xorshift (Marsaglia 2003). */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Zero would stay zero, and neighbouring seeds must differ at once.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
    for (let skipped = 0; skipped < 8; skipped += 1) this.below(2);
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  /** True once in `count` times, on average. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  oneOf<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }

  /** Of `most` at most. */
  list<Value>(most: number, make: () => Value): Value[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}
