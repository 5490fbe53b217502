/** What became of a message. Exactly one of these for each, within its deadline. */
import { excerpt } from '@knock/shared/log/excerpt';

export type Verdict =
  | { kind: 'replied'; reply: string }
  /** The server heard it and said no. */
  | { kind: 'refused'; code: string; sentence: string }
  /** The server did not handle it, for certain: it may always be sent again. */
  | { kind: 'not_sent'; why: string }
  /** It was written, and whether the server handled it cannot be known. */
  | { kind: 'unknown'; why: string };

/** With the exit code of a program whose worst verdict it was. */
const EXIT_CODES = { replied: 0, refused: 2, not_sent: 3, unknown: 4 } as const;

export type VerdictKind = keyof typeof EXIT_CODES;

/** The verdict in words, fit for a log and a terminal. */
export function inWords(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'replied':
      return `"${excerpt(verdict.reply)}"`;
    case 'refused':
      return `refused: ${excerpt(verdict.code)}: ${excerpt(verdict.sentence)}`;
    case 'not_sent':
      return `not sent: ${verdict.why}`;
    case 'unknown':
      return `unknown: ${verdict.why}`;
  }
}

/** Counts verdicts, for the last line and the exit code. */
export class Tally {
  readonly counts: Record<VerdictKind, number> = { replied: 0, refused: 0, not_sent: 0, unknown: 0 };

  add({ kind }: Verdict): void {
    this.counts[kind] += 1;
  }

  /** That of the worst verdict. */
  get exitCode(): number {
    const seen = Object.entries(EXIT_CODES).filter(([kind]) => this.counts[kind as VerdictKind] > 0);
    return Math.max(0, ...seen.map(([, code]) => code));
  }

  /** The counts in words. */
  get summary(): string {
    const { replied, refused, not_sent, unknown } = this.counts;
    return `${replied} replied, ${refused} refused, ${not_sent} not sent, ${unknown} unknown`;
  }
}
