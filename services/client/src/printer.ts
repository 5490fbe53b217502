/** Tells the one who asked what became of each message: replies on stdout, everything else on stderr. */
import { escapeControls, excerpt } from '@knock/shared/log/excerpt';

import { inWords, type Verdict } from './verdict.ts';

export interface PrinterOptions {
  /** Prints one reply. */
  print: (line: string) => unknown;
  /** Tells of a message that got no reply. */
  complain: (sentence: string) => unknown;
  /** Where replies are shown: a terminal must not be handed control characters, a pipe must get all bytes. */
  terminal: boolean;
}

export class Printer {
  readonly #options: PrinterOptions;

  constructor(options: PrinterOptions) {
    this.#options = options;
  }

  tell(message: string, verdict: Verdict): void {
    const { print, complain, terminal } = this.#options;
    if (verdict.kind === 'replied') print(terminal ? escapeControls(verdict.reply) : verdict.reply);
    else complain(`"${excerpt(message)}": ${inWords(verdict)}`);
  }
}
