import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/hazards/*.test.ts', 'tests/e2e/swarm.test.ts'],
    globalSetup: ['tests/support/engine.ts', 'tests/support/images.ts'],
    setupFiles: ['tests/support/await-images.ts'],
    reporters: ['default', 'tests/scorecard/reporter.ts'],
    env: { SCORECARD: '1' },
    fileParallelism: false,
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 900_000,
    hookTimeout: 60_000,
  },
});
