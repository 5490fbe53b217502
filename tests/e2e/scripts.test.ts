/** ShellCheck looks for what a shell does silently: split words, lost quotes, failures that nobody sees. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { PROXY_IMAGE } from '../support/second-readers/proxy.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const tracked = execFileSync('git', ['ls-files', '.ci', '*.sh'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
const SCRIPTS = tracked.filter((file) => /^#!.*sh\n/.test(read(file)));

/** What ShellCheck prints about this script: nothing if it finds nothing. */
function shellCheck(input: string): string {
  const { stdout, stderr } = spawnSync('docker', ['run', '--rm', '--interactive', PROXY_IMAGE, 'shellcheck', '-'], {
    input,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

test('ShellCheck finds a lost quote', () => {
  expect(SCRIPTS.length).toBeGreaterThan(3);
  expect(shellCheck('#!/usr/bin/env bash\nrm -rf $1\n')).toContain('SC2086');
});

test.each(SCRIPTS)('ShellCheck finds nothing in %s', (file) => {
  expect(shellCheck(read(file))).toBe('');
});
