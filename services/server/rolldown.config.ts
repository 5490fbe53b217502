import { cpSync } from 'node:fs';
import { join } from 'node:path';

import { defineConfig, type Plugin } from 'rolldown';

const PAGE = join(import.meta.dirname, 'src/live/page');

/** Copies the live page next to the program that serves it: the page has no build step. */
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
