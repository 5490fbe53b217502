/** Compares current transcripts with the recorded ones. */
import { isDeepStrictEqual } from 'node:util';

import type { Difference } from './differences.ts';
import type { Transcripts } from './recorded.ts';
import type { HttpResponse } from './responses.ts';
import type { Transcript } from './transcript.ts';

/** Parts that are compared: the fields of a transcript, and of HTTP responses. */
export type Part = Exclude<keyof Transcript, 'responses'> | keyof HttpResponse;

/** A case, and its parts that differ. */
export interface Deviation {
  id: string;
  parts: Part[];
  recorded: Parts;
  now: Parts;
}

/** For responses: the values in order. */
export type Parts = Partial<Record<Part, unknown>>;

const OF_RESPONSES: readonly (keyof HttpResponse)[] = [
  'status',
  'type',
  'allow',
  'retryAfter',
  'body',
  'detail',
  'staysOpen',
];

/** All cases that differ, including those on only one side. */
export function deviations(recorded: Transcripts, now: Transcripts): Deviation[] {
  const ids = new Set([...Object.keys(recorded), ...Object.keys(now)]);
  return [...ids].map((id) => deviation(id, recorded[id], now[id])).filter(({ parts }) => parts.length > 0);
}

function deviation(id: string, before: Transcript = {}, after: Transcript = {}): Deviation {
  const [recorded, now] = [partsOf(before), partsOf(after)];
  if (before.failure !== after.failure) return { id, parts: ['failure'], recorded, now };
  const all = new Set([...Object.keys(recorded), ...Object.keys(now)] as Part[]);
  return { id, parts: [...all].filter((part) => !isDeepStrictEqual(recorded[part], now[part])), recorded, now };
}

function partsOf({ responses, ...others }: Transcript): Parts {
  if (responses === undefined) return others;
  return { ...others, ...Object.fromEntries(OF_RESPONSES.map((part) => [part, responses.map((one) => one[part])])) };
}

/** Differences that no entry explains: cases with their remaining parts. */
export function unexplained(all: readonly Deviation[], differences: readonly Difference[]): Deviation[] {
  return all
    .map((one) => {
      const meant = differences.filter((difference) => concerns(difference, one.id));
      const parts = one.parts.filter((part) => !meant.some((difference) => difference.parts?.includes(part) ?? true));
      return { ...one, parts };
    })
    .filter(({ parts }) => parts.length > 0);
}

/** Parts or cases that an entry lists but that do not differ. Empty: all of them do. */
export function stale(difference: Difference, all: readonly Deviation[], ids: readonly string[]): string[] {
  const concerned = ids.filter((id) => concerns(difference, id));
  if (concerned.length === 0) return ['no case'];
  const differing = all.filter(({ id }) => concerns(difference, id));
  if (difference.parts) return difference.parts.filter((part) => !differing.some(({ parts }) => parts.includes(part)));
  return concerned.filter((id) => !differing.some((one) => one.id === id));
}

function concerns({ cases }: Difference, id: string): boolean {
  return typeof cases === 'string' ? id.startsWith(cases) : cases.test(id);
}
