/** Builds the images once, as a user does, before any test of the containers runs; the server that records, and the browser. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { bundleServer } from './bundle.ts';
import { BROWSER_IMAGE } from './page/browser.ts';

const ROOT = join(import.meta.dirname, '..');

export async function setup(): Promise<void> {
  await Promise.all([
    promisify(execFile)('docker', ['compose', 'build', '--quiet'], { cwd: ROOT }),
    promisify(execFile)('docker', ['build', '--quiet', '--tag', BROWSER_IMAGE, 'tests/page'], { cwd: ROOT }),
    bundleServer({ handler: 'tests/recording/handler.ts', file: '.build/recording/main.mjs' }),
  ]);
}
