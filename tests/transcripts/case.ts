/** A case: what one client does to the server. Its transcript is what the server did. */
import type { ServerSettings } from '@knock/server/settings';

import type { Ending, Step } from '../hazards/support/in-memory.ts';

export interface Case {
  /** Unique and lasting. The part before the first slash names the file of its transcript. */
  id: string;
  steps: readonly Step[];
  ending: Ending;
  /** Those that are not the defaults. */
  settings?: Partial<ServerSettings>;
  /** The client connects while the server drains. */
  duringDrain?: boolean;
}

/** The server begins to drain. */
export const DRAIN: Step = { drain: true };

/** A step; or for short a text, which the client sends in UTF-8, or a pause in milliseconds. */
export type Act = Step | string | number;

/** Everything that happens before the client's end, as the steps of a case. */
export function steps(...acts: Act[]): Step[] {
  return acts.map((act) => {
    if (typeof act === 'number') return { pauseMs: act };
    return typeof act === 'string' ? Buffer.from(act) : act;
  });
}

type Acts = Readonly<Record<string, Act | readonly Act[]>>;
type Shared = Partial<Omit<Case, 'id' | 'steps'>>;

/** Cases under one heading, by name. By default the client stays connected after its last act, and waits. */
export function cases(heading: string, acts: Acts, shared: Shared = {}): Case[] {
  return Object.entries(acts).map(([name, act]) => ({
    id: `${heading}/${name}`,
    steps: steps(...[act].flat()),
    ending: 'stays',
    ...shared,
  }));
}

/** Each case twice: the client closes its side, and it stays. */
export function closesAndStays(heading: string, acts: Acts, shared: Shared = {}): Case[] {
  return (['closes', 'stays'] as const).flatMap((ending) =>
    cases(heading, acts, { ...shared, ending }).map((one) => ({ ...one, id: `${one.id}, ${ending}` })),
  );
}

/** Each byte by itself. */
export function byteByByte(bytes: Buffer | string): Buffer[] {
  return Array.from(Buffer.from(bytes), (byte) => Buffer.of(byte));
}

/** The bytes again and again, with a pause behind each time. */
export function dripped(bytes: Buffer | string, pauseMs: number, times: number): Act[] {
  return Array.from({ length: times }, () => [Buffer.from(bytes), pauseMs]).flat();
}
