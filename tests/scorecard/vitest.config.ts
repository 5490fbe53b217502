import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/hazards/*.test.ts', 'tests/swarm.test.ts'],
    globalSetup: ['tests/engine.ts', 'tests/images.ts'],
    setupFiles: ['tests/await-images.ts'],
    reporters: ['default', 'tests/scorecard/reporter.ts'],
    env: { SCORECARD: '1' },
    fileParallelism: false,
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 900_000,
    hookTimeout: 60_000,
  },
});
