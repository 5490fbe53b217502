/** The codec parses every request as Node's parser does, or rejects it: request smuggling needs two parsers that disagree. */
import { expect, test } from 'vitest';

import { counted, scaled } from '../scorecard/measured.ts';
import { Random } from '../support/random.ts';
import { readByCodec } from './http-fuzz/codec-reader.ts';
import { compareReadings, type Comparison } from './http-fuzz/compare.ts';
import { Grammar } from './http-fuzz/grammar.ts';
import { mutate } from './http-fuzz/mutations.ts';
import { PROVOKERS } from './http-fuzz/provokers.ts';
import { reasonsToRefuse } from './http-fuzz/reasons.ts';
import { VALID_BUT_REJECTED } from './http-fuzz/strictness.ts';

const LINE = 'http-differential';
const CASES = scaled({ test: 20_000, scorecard: 1_000_000 });
const VALID_CASES = scaled({ test: 2000, scorecard: 50_000 });
/** With fewer accepted, the fuzz test would only show that bad requests are rejected. */
const LEAST_ACCEPTED = 0.3;
const MAX_REPORTED = 3;
/** A new seed each time. A failure prints the bytes and the seed. */
const SEED = Date.now() % 2 ** 31;

const bytesOf = (stream: string) => Buffer.from(stream, 'latin1');
const REASONS = reasonsToRefuse();

/** The results of all cases. */
class Tally {
  cases = 0;
  /** Streams with requests only. */
  accepted = 0;
  refused = 0;
  requests = 0;
  differing = 0;
  readonly rejections = new Set<string>();
  /** The first differences, with their case numbers. */
  readonly differences: string[] = [];

  add({ difference, rejection, requests }: Comparison): void {
    if (rejection !== undefined) {
      this.refused += 1;
      this.rejections.add(rejection);
    } else if (requests > 0) {
      this.accepted += 1;
    }
    this.requests += requests;
    if (difference !== undefined) {
      this.differing += 1;
      if (this.differences.length < MAX_REPORTED) this.differences.push(`case ${this.cases}: ${difference}`);
    }
    this.cases += 1;
  }
}

test('every request is parsed as by Node’s own parser, or rejected, however it is split', (context) => {
  const tally = new Tally();
  const random = new Random(SEED);
  const grammar = new Grammar(random);
  for (const { stream } of PROVOKERS) tally.add(compareReadings(bytesOf(stream), random));
  while (tally.cases < CASES) tally.add(compareReadings(bytesOf(mutate(grammar.pipeline(), random)), random));

  const missing = REASONS.filter(
    ({ pattern }) => !Array.from(tally.rejections).some((rejection) => pattern.test(rejection)),
  );
  const shares = [
    { what: `streams parsed differently, among ${tally.requests} requests`, count: tally.differing, of: CASES },
    { what: 'streams accepted', count: tally.accepted, of: CASES },
    { what: 'streams rejected', count: tally.refused, of: CASES },
    { what: 'rejection reasons that occurred', count: REASONS.length - missing.length, of: REASONS.length },
  ];
  for (const share of shares) counted(context, { line: LINE, ...share });
  expect(tally.differences.join('\n'), `seed ${SEED}`).toBe('');
  expect(tally.accepted / CASES).toBeGreaterThanOrEqual(LEAST_ACCEPTED);
  expect(missing.map(({ text }) => text)).toEqual([]);
});

test('every rejection reason of the codec has a stream that provokes it', () => {
  const unprovoked = REASONS.filter(({ pattern }) => !PROVOKERS.some(({ reason }) => pattern.test(reason)));
  expect(unprovoked.map(({ text }) => text)).toEqual([]);
});

test.for(PROVOKERS)('a stream provokes: $reason', ({ reason, stream }) => {
  expect(readByCodec([bytesOf(stream)]).rejection).toBe(reason);
  expect(REASONS.filter(({ pattern }) => pattern.test(reason))).toHaveLength(1);
});

test('grammatically valid requests are accepted, or rejected for a listed reason', (context) => {
  const random = new Random(SEED);
  const grammar = new Grammar(random);
  const wrong: unknown[] = [];
  for (let tried = 0; tried < VALID_CASES; tried += 1) {
    const strictness = random.oneIn(4) ? random.oneOf(VALID_BUT_REJECTED) : undefined;
    const stream = grammar.validRequest(strictness?.parts);
    const { rejection, requests } = readByCodec([bytesOf(stream)]);
    const isRight =
      strictness === undefined
        ? rejection === undefined && requests.length === 1 && requests[0]!.body !== undefined
        : rejection?.startsWith(strictness.reason);
    if (!isRight) wrong.push({ stream, rejection, expected: strictness?.reason ?? 'accepted' });
  }
  const what = 'valid requests rejected for an unlisted reason';
  counted(context, { line: LINE, what, count: wrong.length, of: VALID_CASES });
  expect(wrong.slice(0, MAX_REPORTED), `seed ${SEED}`).toEqual([]);
});
