/** Bundles the server with another handler, to be mounted over the bundle in the real image. */
import { join } from 'node:path';

import { build } from 'rolldown';

const ROOT = join(import.meta.dirname, '../..');

/** `handler` and `file` are paths from the root of the repository. Resolves with the absolute path of the bundle. */
export async function bundleServer({ handler, file }: { handler: string; file: string }): Promise<string> {
  const bundle = join(ROOT, file);
  await build({
    input: join(ROOT, 'services/server/src/main.ts'),
    platform: 'node',
    output: { file: bundle, format: 'esm' },
    plugins: [
      { name: 'another handler', resolveId: (id) => (id === './handler.ts' ? join(ROOT, handler) : undefined) },
    ],
  });
  return bundle;
}
