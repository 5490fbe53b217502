/** The server behaves as in its recorded transcripts, except for listed defects. */
import { CLOSE_REASONS } from '@knock/server/net/close-reason';
import { beforeAll, expect, test } from 'vitest';

import { CASES } from './cases.ts';
import { type Deviation, deviations, stale, unexplained } from './compare.ts';
import { describeDeviations } from './describe.ts';
import { DIFFERENCES } from './differences.ts';
import { readTranscripts, writeTranscripts } from './recorded.ts';
import { transcriptsOf } from './transcript.ts';

const IDS = CASES.map(({ id }) => id);
/** Close reasons that need a real kernel: full buffers, or errors other than a reset. */
const NOT_IN_MEMORY = ['write_timeout', 'error'];

let all: Deviation[];

beforeAll(async () => {
  const now = await transcriptsOf(CASES);
  if (process.env['TRANSCRIPTS'] === 'record') writeTranscripts(now);
  all = deviations(readTranscripts(), now);
}, 60_000);

test('every case has its recorded result, unless a listed defect explains the difference', () => {
  const found = unexplained(all, DIFFERENCES);
  expect(found.length, `${describeDeviations(found, CASES)}\n`).toBe(0);
});

test('every listed difference occurs', () => {
  const staleOnes = DIFFERENCES.map((one) => ({ ...one, stale: stale(one, all, IDS) }));
  expect(staleOnes.filter((one) => one.stale.length > 0)).toEqual([]);
});

test('case ids are unique', () => {
  expect(IDS.filter((id, n) => IDS.indexOf(id) !== n)).toEqual([]);
});

test('the cases cover every close reason that needs no kernel', () => {
  const reasons = new Set(Object.values(readTranscripts()).map(({ reason }) => reason));
  expect(CLOSE_REASONS.filter((reason) => !reasons.has(reason))).toEqual(NOT_IN_MEMORY);
});
