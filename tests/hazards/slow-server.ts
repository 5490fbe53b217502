/** The server's real image with the slow handler in it. */
import { join } from 'node:path';

import { build } from 'rolldown';

import { KnockServerContainer } from '../knock-server.ts';

const ROOT = join(import.meta.dirname, '../..');
const BUNDLE = join(ROOT, '.build/slow/main.mjs');

export async function slowServer(): Promise<KnockServerContainer> {
  await build({
    input: join(ROOT, 'services/server/src/main.ts'),
    platform: 'node',
    output: { file: BUNDLE, format: 'esm' },
    plugins: [
      {
        name: 'slow handler',
        resolveId: (id) => (id === './handler.ts' ? join(import.meta.dirname, 'slow-handler.ts') : undefined),
      },
    ],
  });
  return new KnockServerContainer().withBindMounts([{ source: BUNDLE, target: '/app/main.mjs', mode: 'ro' }]);
}
