/** Builds the images once, as a user does, before any test of the containers runs; and the server that records. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { build } from 'rolldown';

const ROOT = join(import.meta.dirname, '..');

export async function setup(): Promise<void> {
  await Promise.all([
    promisify(execFile)('docker', ['compose', 'build', '--quiet'], { cwd: ROOT }).catch((cause: unknown) => {
      const advice = 'these tests need Docker with Compose, and its engine running (docker info tells)';
      throw new Error(`the images could not be built; ${advice}`, { cause });
    }),
    build({
      input: `${ROOT}/services/server/src/main.ts`,
      platform: 'node',
      output: { file: `${ROOT}/.build/recording/main.mjs`, format: 'esm' },
      plugins: [
        {
          name: 'recording handler',
          resolveId: (id) => (id === './handler.ts' ? `${ROOT}/tests/recording/handler.ts` : undefined),
        },
      ],
    }),
  ]);
}
