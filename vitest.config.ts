import { defineConfig } from 'vitest/config';

/** Tests under `tests/` that need no container. */
const IN_PROCESS = [
  'tests/docs/errors.test.ts',
  'tests/hazards/characters.test.ts',
  'tests/hazards/http-differential.test.ts',
  'tests/hazards/http-output.test.ts',
  'tests/hazards/log.test.ts',
  'tests/hazards/retry-budget.test.ts',
  'tests/hazards/smuggling.test.ts',
  'tests/hazards/streams.test.ts',
  'tests/docs/settings-tables.test.ts',
  'tests/docs/words.test.ts',
  'tests/e2e/pins.test.ts',
  'tests/e2e/tls.test.ts',
  'tests/e2e/updates.test.ts',
  'tests/transcripts/*.test.ts',
];

/** For `expect.poll`, generous for a busy machine; a test that measures time sets its own limit. */
const POLL_TIMEOUT_MS = 30_000;

export default defineConfig({
  test: {
    // .ci/run reads the counts from this file.
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: '.build/test-report.json' }]] : ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          // More workers than cores: these tests mostly wait, for timeouts and drains.
          maxWorkers: 4,
          // A process per file costs a sixth of the run.
          pool: 'threads',
          // Some tests are CPU-bound: a busy machine needs ten times as long.
          testTimeout: 60_000,
          expect: { poll: { timeout: POLL_TIMEOUT_MS } },
          include: ['{packages/*,bench}/src/**/*.test.ts', 'services/*/{src,test}/**/*.test.ts', ...IN_PROCESS],
        },
      },
      {
        test: {
          name: 'containers',
          include: ['tests/{e2e,docs,hazards}/*.test.ts'],
          exclude: IN_PROCESS,
          globalSetup: ['tests/support/engine.ts', 'tests/support/images.ts'],
          setupFiles: ['tests/support/await-images.ts'],
          // In series: on two cores, one test's containers would slow another's.
          fileParallelism: false,
          pool: 'threads',
          // For the few tests that are marked as concurrent.
          maxConcurrency: 2,
          expect: { poll: { timeout: POLL_TIMEOUT_MS } },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
