/** Prints the outcome of each message: replies on stdout, everything else on stderr. */
import { escapeControls, excerpt } from '@knock/shared/log/excerpt';

import { formatOutcome, type Outcome } from '../delivery/outcome.ts';

export interface PrinterOptions {
  /** Prints one reply. */
  print: (line: string) => unknown;
  /** Prints one message that got no reply. */
  printError: (line: string) => unknown;
  /** Replies go to a terminal: control characters are escaped. A pipe gets all bytes. */
  terminal: boolean;
}

export class Printer {
  readonly #options: PrinterOptions;

  constructor(options: PrinterOptions) {
    this.#options = options;
  }

  print(message: string, outcome: Outcome): void {
    const { print, printError, terminal } = this.#options;
    if (outcome.kind === 'replied') print(terminal ? escapeControls(outcome.reply) : outcome.reply);
    else printError(`"${excerpt(message)}": ${formatOutcome(outcome)}`);
  }
}
