/** The result of one measurement: for each competitor one value per round, in the same rounds. */
export interface Figure {
  /** Stable, and valid as a file name: `throughput-50x16-13B`. */
  id: string;
  /** The group it is shown in. */
  section: string;
  /** As a heading. */
  title: string;
  unit: string;
  /** Round by round, by the competitor's name. */
  values: Record<string, number[]>;
}

/** How much to measure: a quick run gives rough figures. */
export interface Measure {
  rounds: number;
  /** How long each competitor is measured in a round, in milliseconds. */
  ms: number;
  /** Reports what is running now. */
  progress: (what: string) => void;
  /** Whether to measure a figure; with a name, whether to measure this competitor for it. */
  wants: (figure: string, name?: string) => boolean;
}

/** Six significant digits: more are noise, and bloat the kept results. */
export function rounded(figure: Figure): Figure {
  const values = Object.entries(figure.values).map(([name, all]) => [
    name,
    all.map((value) => Number(value.toPrecision(6))),
  ]);
  return { ...figure, values: Object.fromEntries(values) as Figure['values'] };
}
