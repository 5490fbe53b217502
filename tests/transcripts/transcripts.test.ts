/** The server does what it did when its transcripts were recorded, or a listed defect explains why not. */
import { CLOSE_REASONS } from '@knock/server/net/close-reason';
import { beforeAll, expect, test } from 'vitest';

import { CASES } from './cases.ts';
import { type Deviation, deviations, stale, unexplained } from './compare.ts';
import { describeDeviations } from './describe.ts';
import { DIFFERENCES } from './differences.ts';
import { readTranscripts, writeTranscripts } from './recorded.ts';
import { transcriptsOf } from './transcript.ts';

const IDS = CASES.map(({ id }) => id);
/** What takes a kernel whose buffers fill, or an error that is no reset. */
const NOT_IN_MEMORY = ['write_timeout', 'error'];

let all: Deviation[];

beforeAll(async () => {
  const now = await transcriptsOf(CASES);
  if (process.env['TRANSCRIPTS'] === 'record') writeTranscripts(now);
  all = deviations(readTranscripts(), now);
}, 60_000);

test('every client gets what it got from the recorded server, unless a listed defect explains the difference', () => {
  const found = unexplained(all, DIFFERENCES);
  expect(found.length, `${describeDeviations(found, CASES)}\n`).toBe(0);
});

test('every difference that is listed occurs', () => {
  const staleOnes = DIFFERENCES.map((one) => ({ ...one, stale: stale(one, all, IDS) }));
  expect(staleOnes.filter((one) => one.stale.length > 0)).toEqual([]);
});

test('every case has an id of its own', () => {
  expect(IDS.filter((id, n) => IDS.indexOf(id) !== n)).toEqual([]);
});

test('the cases end in every way that needs no kernel', () => {
  const reasons = new Set(Object.values(readTranscripts()).map(({ reason }) => reason));
  expect(CLOSE_REASONS.filter((reason) => !reasons.has(reason))).toEqual(NOT_IN_MEMORY);
});
