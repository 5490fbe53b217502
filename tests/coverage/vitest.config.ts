/** Which branches of the HTTP codec its own unit tests take: all of them, or the run fails. */
import { defineConfig } from 'vitest/config';

const CODEC = 'packages/shared/src/codec/http';

export default defineConfig({
  test: {
    // Without the random cuts of `any-cut.test.ts`: a branch that they take once may be missed by the next run.
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
