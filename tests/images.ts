/** Builds the images once, as a user does, before any test of the containers runs. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const root = new URL('..', import.meta.url).pathname;

export async function setup(): Promise<void> {
  await promisify(execFile)('docker', ['compose', 'build', '--quiet'], { cwd: root });
}
