/** The stats of many connections, added up by label. */
import type { Connection } from '../net/connection.ts';

/** Numbers by the values of one label. */
export class Counts extends Map<string, number> {
  add(value: string, number = 1): void {
    this.set(value, (this.get(value) ?? 0) + number);
  }

  /** As Prometheus' label sets. */
  by(label: string): [Record<string, string>, number][] {
    return Array.from(this, ([value, number]) => [{ [label]: value }, number]);
  }

  get sum(): number {
    return [...this.values()].reduce((sum, number) => sum + number, 0);
  }
}

export class ConnectionTotals {
  /** By protocol. */
  readonly messages = new Counts();
  /** By code. */
  readonly errorReplies = new Counts();
  /** By direction: `in` and `out`. */
  readonly bytes = new Counts();

  add({ protocol, stats }: Connection): void {
    if (stats.messages > 0) this.messages.add(protocol!, stats.messages);
    for (const [code, number] of stats.errorReplies) this.errorReplies.add(code, number);
    this.bytes.add('in', stats.bytesIn);
    this.bytes.add('out', stats.bytesOut);
  }

  addAll(others: ConnectionTotals): void {
    for (const kind of ['messages', 'errorReplies', 'bytes'] as const) {
      for (const [value, number] of others[kind]) this[kind].add(value, number);
    }
  }
}
