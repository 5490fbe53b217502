import { defineConfig } from 'vitest/config';

/** Tests of the whole that need no container. */
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
  'tests/e2e/pins.test.ts',
  'tests/e2e/tls.test.ts',
  'tests/transcripts/*.test.ts',
];

/** How long `expect.poll` waits for what a machine has no time for at once; a test that waits for something to be soon says so itself. */
const POLL_TIMEOUT_MS = 30_000;

export default defineConfig({
  test: {
    // In CI the counts are read from a file, since the last line has to have a form of its own.
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: '.build/test-report.json' }]] : ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          // Most of them wait most of the time: for a clock that runs out, for a server that drains.
          maxWorkers: 4,
          // A process for each file took a sixth of the time.
          pool: 'threads',
          // Some read, encode or start a lot, which takes a busy machine ten times as long as another one.
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
          // In series: on two cores, containers of one test would take the time of another.
          fileParallelism: false,
          pool: 'threads',
          // Of the few tests that say that they may run beside each other.
          maxConcurrency: 2,
          expect: { poll: { timeout: POLL_TIMEOUT_MS } },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
