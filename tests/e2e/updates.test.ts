/** Renovate proposes an update for every pinned version: none is forgotten, and those of Node move together. */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';

import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

interface RenovateConfig {
  minimumReleaseAge: string;
  packageRules: { groupName?: string; matchPackageNames?: string[] }[];
  customManagers: { managerFilePatterns: string[]; matchStrings: string[]; depNameTemplate?: string }[];
}
/** JSON5 is part of JavaScript. */
const config = runInNewContext(`(${read('renovate.json5')})`) as RenovateConfig;

/** Texts with versions that are history, or that a program writes. */
const NOT_PINS = ['CHANGELOG.md', 'docs', 'pnpm-lock.yaml', 'bench/results.json'];
const NODE = process.versions.node;
const PINNED = [
  RegExp(RegExp.escape(NODE), 'g'),
  /(?<=pnpm@)\d+\.\d+\.\d+/g,
  /(?<="pnpm": ">=)\d+\.\d+/g,
  /(?<=prom\/prometheus:|^prometheus_version=)v\d+\.\d+\.\d+/gm,
];
/** What the managers find that Renovate brings along: which files they read, and the pins in those. */
const BUILT_IN = [
  { files: 'pnpm-workspace.yaml', pattern: /^ {2}(?<depName>node-linux-\w+): (?<currentValue>\S+)$/dgm },
  {
    files: '{,tests/support/*/}Dockerfile',
    pattern: /^ARG NODE_IMAGE=(?<depName>node):(?<currentValue>\d\S+)$/dgm,
  },
  {
    files: '.github/workflows/*.yml',
    pattern: /uses: (?<depName>actions\/)setup-node@.*\n +with: \{ node-version: (?<currentValue>\S+) \}$/dgm,
    depName: 'actions/node-versions',
  },
  { files: 'docker-compose*.yml', pattern: /^ +image: (?<depName>prom\/prometheus):(?<currentValue>v[\d.]+)/dgm },
];

/** A place with a version, as `file:line`, and the package whose version it is. */
interface Place {
  at: string;
  depName: string;
  version: string;
}

function placesIn(file: string, pattern: RegExp, depName?: string): Place[] {
  const text = read(file);
  return Array.from(text.matchAll(pattern), ({ 0: whole, index, groups, indices }) => {
    const offset = indices?.groups?.['currentValue']?.[0] ?? index;
    return {
      at: `${file}:${text.slice(0, offset).split('\n').length}`,
      depName: depName ?? groups?.['depName'] ?? '',
      version: groups?.['currentValue'] ?? whole,
    };
  });
}

function pinned(): Place[] {
  const excluded = NOT_PINS.map((path) => `:!${path}`);
  const listed = execFileSync('git', ['ls-files', '--', '.', ...excluded], { cwd: ROOT, encoding: 'utf8' });
  const files = listed.trim().split('\n');
  return files.flatMap((file) => PINNED.flatMap((pattern) => placesIn(file, pattern)));
}

function found(): Place[] {
  const builtIn = BUILT_IN.flatMap(({ files, pattern, depName }) =>
    globSync(files, { cwd: ROOT }).flatMap((file) => placesIn(file, pattern, depName)),
  );
  const custom = config.customManagers.flatMap(({ managerFilePatterns, matchStrings, depNameTemplate }) =>
    globSync(managerFilePatterns, { cwd: ROOT }).flatMap((file) =>
      matchStrings.flatMap((pattern) => placesIn(file, RegExp(pattern, 'dg'), depNameTemplate)),
    ),
  );
  return [...builtIn, ...custom];
}

const positions = (places: Place[]) => places.map(({ at }) => at).toSorted();

test('Renovate finds every pinned version, each once, and nothing else', () => {
  expect(pinned().length).toBeGreaterThan(10);
  expect(positions(found())).toEqual(positions(pinned()));
});

test('all pins of Node are in one group', () => {
  const packages = found().flatMap(({ depName, version }) => (version.startsWith(NODE) ? [depName] : []));
  const group = config.packageRules.find(({ groupName }) => groupName === 'Node');
  expect([...new Set(packages)].toSorted()).toEqual(group?.matchPackageNames?.toSorted());
});

test('Renovate waits for as long as pnpm does', () => {
  const [, minutes] = /^minimumReleaseAge: (\d+)$/m.exec(read('pnpm-workspace.yaml'))!;
  expect(config.minimumReleaseAge).toBe(`${Number(minutes) / 60 / 24} days`);
});

test('every action is pinned by commit, with its version in a comment', () => {
  const uses = globSync('.github/workflows/*.yml', { cwd: ROOT }).flatMap(
    (file) => read(file).match(/uses: .*/g) ?? [],
  );
  expect(uses.length).toBeGreaterThan(1);
  for (const line of uses) expect.soft(line).toMatch(/^uses: [\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});
