/** Fails unless the HTTP codec's unit tests cover all of its branches. */
import { defineConfig } from 'vitest/config';

const CODEC = 'packages/shared/src/codec/http';

export default defineConfig({
  test: {
    // Without `any-cut.test.ts`: its random splits may miss a branch in the next run.
    include: [`${CODEC}/*.test.ts`],
    exclude: [`${CODEC}/any-cut.test.ts`],
    testTimeout: 60_000,
    coverage: {
      enabled: true,
      provider: 'v8',
      include: [`${CODEC}/*.ts`],
      reporter: ['text'],
      reportsDirectory: '.build/coverage',
      thresholds: { branches: 100 },
    },
  },
});
