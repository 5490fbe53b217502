import { cpSync } from 'node:fs';
import { join } from 'node:path';

import { defineConfig, type Plugin } from 'rolldown';

const PAGE = join(import.meta.dirname, 'src/live/page');

/** The live page goes beside the program that serves it, as it was written: nothing builds it. */
const page: Plugin = {
  name: 'live page',
  writeBundle: ({ dir }) => cpSync(PAGE, join(dir!, 'page'), { recursive: true }),
};

export default defineConfig({
  input: ['src/main.ts', 'src/healthcheck.ts'],
  platform: 'node',
  plugins: [page],
  output: { dir: 'dist', format: 'esm', entryFileNames: '[name].mjs' },
});
