/** What one measurement gives: for each competitor one value a round, in the same rounds. */
export interface Figure {
  /** Stable, and fit for a file's name: `throughput-50x16-13B`. */
  id: string;
  /** The group that it is shown in. */
  section: string;
  /** What was measured, as a heading. */
  title: string;
  unit: string;
  /** Round by round, by the competitor's name. */
  values: Record<string, number[]>;
}

/** How much of everything: a quick run gives rough figures. */
export interface Measure {
  rounds: number;
  /** How long each competitor is measured in a round, in milliseconds. */
  ms: number;
  /** Says what is running now. */
  progress: (what: string) => void;
  /** Whether a figure is to be measured, by its id, and, with a name, whether this competitor is to be measured for it. */
  wants: (figure: string, name?: string) => boolean;
}

/** Six digits that count: more are noise, and would fill the kept results. */
export function rounded(figure: Figure): Figure {
  const values = Object.entries(figure.values).map(([name, all]) => [
    name,
    all.map((value) => Number(value.toPrecision(6))),
  ]);
  return { ...figure, values: Object.fromEntries(values) as Figure['values'] };
}
