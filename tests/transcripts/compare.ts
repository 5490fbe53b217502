/** Compares the transcripts of now with the recorded ones. */
import { isDeepStrictEqual } from 'node:util';

import type { Difference } from './differences.ts';
import type { Transcripts } from './recorded.ts';
import type { HttpResponse } from './responses.ts';
import type { Transcript } from './transcript.ts';

/** What can differ by itself: whatever a transcript has, and of HTTP whatever its responses have. */
export type Part = Exclude<keyof Transcript, 'responses'> | keyof HttpResponse;

/** A case, and the parts of it that differ. */
export interface Deviation {
  id: string;
  parts: Part[];
  recorded: Parts;
  now: Parts;
}

/** Of responses the values in their order. */
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

/** Every case that differs, those that only one side has among them. */
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

/** What no entry explains: the same cases with fewer parts, and those alone that have some left. */
export function unexplained(all: readonly Deviation[], differences: readonly Difference[]): Deviation[] {
  return all
    .map((one) => {
      const meant = differences.filter((difference) => concerns(difference, one.id));
      const parts = one.parts.filter((part) => !meant.some((difference) => difference.parts?.includes(part) ?? true));
      return { ...one, parts };
    })
    .filter(({ parts }) => parts.length > 0);
}

/** What an entry claims and what does not occur: parts, where it names them, and else cases. Empty: all of it occurs. */
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
