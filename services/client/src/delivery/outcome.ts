/** The outcome of a message: exactly one for each, within its deadline. */
import { escapeControls, excerpt } from '@knock/shared/log/excerpt';

export type Outcome =
  | { kind: 'replied'; reply: string }
  /** The server did not handle it, and will not: change the message or the settings first. */
  | { kind: 'rejected'; code: string; detail: string }
  /** The server certainly did not handle it: safe to send again. */
  | { kind: 'not_handled'; why: string }
  /** The server may have handled it: check before sending it again. */
  | { kind: 'unknown'; why: string };

/** The exit code of a program with this as its worst outcome. */
const EXIT_CODES = { replied: 0, rejected: 2, not_handled: 3, unknown: 4 } as const;

export type OutcomeKind = keyof typeof EXIT_CODES;

/** The outcome as text that is safe to log and to print: control characters are escaped. */
export function formatOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'replied':
      return `"${excerpt(outcome.reply)}"`;
    case 'rejected':
      return `rejected: ${excerpt(outcome.code)}: ${excerpt(outcome.detail)}`;
    case 'not_handled':
      return `not handled: ${escapeControls(outcome.why)}`;
    case 'unknown':
      return `unknown: ${escapeControls(outcome.why)}`;
  }
}

/** Counts outcomes, for the last line and the exit code. */
export class OutcomeCounts {
  readonly counts: Record<OutcomeKind, number> = { replied: 0, rejected: 0, not_handled: 0, unknown: 0 };

  add({ kind }: Outcome): void {
    this.counts[kind] += 1;
  }

  /** The exit code of the worst outcome. */
  get exitCode(): number {
    const seen = Object.entries(EXIT_CODES).filter(([kind]) => this.counts[kind as OutcomeKind] > 0);
    return Math.max(0, ...seen.map(([, code]) => code));
  }

  /** `3 replied, 0 rejected, …`. */
  get summary(): string {
    const { replied, rejected, not_handled, unknown } = this.counts;
    return `${replied} replied, ${rejected} rejected, ${not_handled} not handled, ${unknown} unknown`;
  }
}
