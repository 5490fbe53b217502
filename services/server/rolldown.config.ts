import { defineConfig } from 'rolldown';

export default defineConfig({
  input: ['src/main.ts', 'src/healthcheck.ts'],
  platform: 'node',
  output: { dir: 'dist', format: 'esm', entryFileNames: '[name].mjs' },
});
