/**
 * Builds the images once, as a user does, and what else container tests need: the recording server, the server with a
 * shell, the browser, the proxies. Unit tests run meanwhile; `await-images.ts` waits.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { BROWSER_IMAGE } from './browser/browser.ts';
import { bundleServer } from './bundle.ts';
import { IMAGES_BUILT } from './images-built.ts';
import { PROXY_IMAGE } from './second-readers/proxy.ts';
import { SHELL_IMAGE } from './shell/image.ts';

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
  const docker = (...args: string[]) => promisify(execFile)('docker', args, { cwd: ROOT });
  const image = (tag: string, folder: string) => docker('build', '--quiet', '--tag', tag, `tests/support/${folder}`);
  await Promise.all([
    // The image with a shell is made from the server's.
    docker('compose', 'build', '--quiet').then(() => image(SHELL_IMAGE, 'shell')),
    image(BROWSER_IMAGE, 'browser'),
    image(PROXY_IMAGE, 'second-readers'),
    bundleServer({ handler: 'tests/support/recording/handler.ts', file: '.build/recording/main.mjs' }),
  ]);
}
