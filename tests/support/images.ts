/**
 * Builds the images once, as a user does, and what else container tests need: the recording server, the browser, the
 * proxies. Unit tests run meanwhile; `await-images.ts` waits.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { BROWSER_IMAGE } from './browser/browser.ts';
import { bundleServer } from './bundle.ts';
import { IMAGES_BUILT } from './images-built.ts';
import { PROXY_IMAGE } from './second-readers/proxy.ts';

const ROOT = join(import.meta.dirname, '../..');

export function setup(): void {
  mkdirSync(dirname(IMAGES_BUILT), { recursive: true });
  rmSync(IMAGES_BUILT, { force: true });
  void build().then(
    () => writeFileSync(IMAGES_BUILT, ''),
    (error: unknown) => writeFileSync(IMAGES_BUILT, String(error)),
  );
}

async function build(): Promise<void> {
  await Promise.all([
    promisify(execFile)('docker', ['compose', 'build', '--quiet'], { cwd: ROOT }),
    promisify(execFile)('docker', ['build', '--quiet', '--tag', BROWSER_IMAGE, 'tests/support/browser'], { cwd: ROOT }),
    promisify(execFile)('docker', ['build', '--quiet', '--tag', PROXY_IMAGE, 'tests/support/second-readers'], {
      cwd: ROOT,
    }),
    bundleServer({ handler: 'tests/support/recording/handler.ts', file: '.build/recording/main.mjs' }),
  ]);
}
