/** The figures as plots, for `docs/performance.md`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

import type { Figure } from './figure.ts';
import { estimate } from './ratio.ts';

const PLOTS = [
  { file: 'throughput.svg', title: 'Server alone: messages a second', section: 'Server alone', unit: 'messages/s' },
  {
    file: 'together.svg',
    title: 'Client and server together: messages a second',
    section: 'Client and server together',
    unit: 'messages/s',
  },
  { file: 'codec.svg', title: 'Codec alone: messages a second', section: 'Codec alone', unit: 'messages/s' },
  { file: 'replicas.svg', title: 'Clients that greet once a second', section: 'Containers', unit: 'replies/s' },
];

/** Writes the plots that have figures. A bar is a median, its line the confidence interval. */
export async function writePlots(figures: readonly Figure[], folder: string): Promise<void> {
  for (const { file, title, section, unit } of PLOTS) {
    const own = figures.filter((figure) => figure.section === section && figure.unit === unit);
    if (own.length === 0) continue;
    const view = new vega.View(vega.parse(compile(spec(title, unit, own)).spec), { renderer: 'none' });
    writeFileSync(join(folder, file), `${await view.toSVG()}\n`);
  }
}

function spec(title: string, unit: string, figures: Figure[]): TopLevelSpec {
  const values = figures.flatMap(({ title: shape, values: all }) =>
    Object.entries(all).map(([name, rounds]) => ({ shape, name, ...estimate(rounds) })),
  );
  const names = [...new Set(values.map(({ name }) => name))];
  const y = { field: 'name', type: 'nominal', sort: names, title: null } as const;
  const x = { field: 'median', type: 'quantitative', title: unit } as const;
  return {
    title: { text: title, anchor: 'start' },
    background: 'white',
    data: { values },
    facet: {
      row: {
        field: 'shape',
        type: 'nominal',
        title: null,
        sort: figures.map((figure) => figure.title),
        header: ROW_TITLE,
      },
    },
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 520,
      height: { step: 16 },
      layer: [
        { mark: 'bar', encoding: { y, x, color: { field: 'name', type: 'nominal', sort: names, legend: null } } },
        { mark: 'rule', encoding: { y, x: { ...x, field: 'low' }, x2: { field: 'high' } } },
      ],
    },
  };
}

const ROW_TITLE = {
  labelAngle: 0,
  labelAlign: 'left',
  labelAnchor: 'start',
  labelOrient: 'top',
  labelFontWeight: 'bold',
} as const;
