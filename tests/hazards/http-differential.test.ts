/** The codec reads every request as Node's own parser does, or refuses it. Two readers that differ are how requests are smuggled. */
import { expect, test } from 'vitest';

import { counted, scaled } from '../scorecard/measured.ts';
import { Random } from '../support/random.ts';
import { readByCodec } from './http-fuzz/codec-reader.ts';
import { compareReadings, type Comparison } from './http-fuzz/compare.ts';
import { Grammar } from './http-fuzz/grammar.ts';
import { mutate } from './http-fuzz/mutations.ts';
import { PROVOKERS } from './http-fuzz/provokers.ts';
import { reasonsToRefuse } from './http-fuzz/reasons.ts';
import { REFUSED_THOUGH_VALID } from './http-fuzz/strictness.ts';

const LINE = 'http-differential';
const CASES = scaled({ test: 20_000, scorecard: 1_000_000 });
const VALID_CASES = scaled({ test: 2000, scorecard: 50_000 });
/** Below this the fuzz would show only that bad requests are refused. */
const LEAST_ACCEPTED = 0.3;
const MAX_REPORTED = 3;
/** New cases each time. A failure shows the bytes, and the seed that leads to them. */
const SEED = Date.now() % 2 ** 31;

const bytesOf = (stream: string) => Buffer.from(stream, 'latin1');
const REASONS = reasonsToRefuse();

/** What became of all cases. */
class Tally {
  cases = 0;
  /** Streams of requests alone. */
  accepted = 0;
  refused = 0;
  requests = 0;
  differing = 0;
  readonly rejections = new Set<string>();
  /** The first differences, and the number of the case that each is. */
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

test('every request is read as Node’s own parser reads it, or refused, however it is cut', (context) => {
  const tally = new Tally();
  const random = new Random(SEED);
  const grammar = new Grammar(random);
  for (const { stream } of PROVOKERS) tally.add(compareReadings(bytesOf(stream), random));
  while (tally.cases < CASES) tally.add(compareReadings(bytesOf(mutate(grammar.pipeline(), random)), random));

  const missing = REASONS.filter(
    ({ pattern }) => !Array.from(tally.rejections).some((rejection) => pattern.test(rejection)),
  );
  const shares = [
    { what: `streams read otherwise, among ${tally.requests} requests`, count: tally.differing, of: CASES },
    { what: 'streams accepted', count: tally.accepted, of: CASES },
    { what: 'streams refused', count: tally.refused, of: CASES },
    { what: 'reasons to refuse that occurred', count: REASONS.length - missing.length, of: REASONS.length },
  ];
  for (const share of shares) counted(context, { line: LINE, ...share });
  expect(tally.differences.join('\n'), `seed ${SEED}`).toBe('');
  expect(tally.accepted / CASES).toBeGreaterThanOrEqual(LEAST_ACCEPTED);
  expect(missing.map(({ text }) => text)).toEqual([]);
});

test('every reason of the codec to refuse a request has a stream that provokes it', () => {
  const unprovoked = REASONS.filter(({ pattern }) => !PROVOKERS.some(({ reason }) => pattern.test(reason)));
  expect(unprovoked.map(({ text }) => text)).toEqual([]);
});

test.for(PROVOKERS)('a stream provokes: $reason', ({ reason, stream }) => {
  expect(readByCodec([bytesOf(stream)]).rejection).toBe(reason);
  expect(REASONS.filter(({ pattern }) => pattern.test(reason))).toHaveLength(1);
});

test('what is valid by the grammar is accepted, or refused for a reason that is listed', (context) => {
  const random = new Random(SEED);
  const grammar = new Grammar(random);
  const wrong: unknown[] = [];
  for (let tried = 0; tried < VALID_CASES; tried += 1) {
    const strictness = random.oneIn(4) ? random.oneOf(REFUSED_THOUGH_VALID) : undefined;
    const stream = grammar.validRequest(strictness?.parts);
    const { rejection, requests } = readByCodec([bytesOf(stream)]);
    const isRight =
      strictness === undefined
        ? rejection === undefined && requests.length === 1 && requests[0]!.body !== undefined
        : rejection?.startsWith(strictness.reason);
    if (!isRight) wrong.push({ stream, rejection, expected: strictness?.reason ?? 'accepted' });
  }
  const what = 'valid requests refused for no listed reason';
  counted(context, { line: LINE, what, count: wrong.length, of: VALID_CASES });
  expect(wrong.slice(0, MAX_REPORTED), `seed ${SEED}`).toEqual([]);
});
