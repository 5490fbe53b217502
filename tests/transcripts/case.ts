/** A case: the actions of one client. Its transcript: the server's reactions. */
import type { ServerSettings } from '@knock/server/settings';

import type { Ending, Step } from '../hazards/support/in-memory.ts';

export interface Case {
  /** Unique and stable. The part before the first slash is the transcript's file name. */
  id: string;
  steps: readonly Step[];
  ending: Ending;
  /** Overrides of the defaults. */
  settings?: Partial<ServerSettings>;
  /** The client connects while the server drains. */
  duringDrain?: boolean;
}

/** The server begins to drain. */
export const DRAIN: Step = { drain: true };

/** A step; shorthand: a string to send in UTF-8, or a pause in milliseconds. */
export type Act = Step | string | number;

/** The steps of a case before the client's ending. */
export function steps(...acts: Act[]): Step[] {
  return acts.map((act) => {
    if (typeof act === 'number') return { pauseMs: act };
    return typeof act === 'string' ? Buffer.from(act) : act;
  });
}

type Acts = Readonly<Record<string, Act | readonly Act[]>>;
type Shared = Partial<Omit<Case, 'id' | 'steps'>>;

/** Cases under one heading, by name. By default the client stays connected after its last step. */
export function cases(heading: string, acts: Acts, shared: Shared = {}): Case[] {
  return Object.entries(acts).map(([name, act]) => ({
    id: `${heading}/${name}`,
    steps: steps(...[act].flat()),
    ending: 'stays',
    ...shared,
  }));
}

/** Each case twice: with a half-close, and without. */
export function closesAndStays(heading: string, acts: Acts, shared: Shared = {}): Case[] {
  return (['closes', 'stays'] as const).flatMap((ending) =>
    cases(heading, acts, { ...shared, ending }).map((one) => ({ ...one, id: `${one.id}, ${ending}` })),
  );
}

/** Byte by byte. */
export function byteByByte(bytes: Buffer | string): Buffer[] {
  return Array.from(Buffer.from(bytes), (byte) => Buffer.of(byte));
}

/** The bytes repeatedly, with a pause after each. */
export function dripped(bytes: Buffer | string, pauseMs: number, times: number): Act[] {
  return Array.from({ length: times }, () => [Buffer.from(bytes), pauseMs]).flat();
}
