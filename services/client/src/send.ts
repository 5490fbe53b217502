/** Sends what was given on the command line, and prints the replies. */
import type { Logger } from '@knock/shared/log';
import { escapeControls } from '@knock/shared/text-sample';

import { Client } from './client.ts';
import type { ClientSettings } from './settings.ts';
import { inWords, Tally } from './verdict.ts';

export interface SendOptions {
  settings: ClientSettings;
  texts: readonly string[];
  logger: Logger;
  /** Prints one reply. */
  print: (line: string) => unknown;
  /** Tells of a message that got no reply. */
  complain: (sentence: string) => unknown;
  /** Where replies are shown: a terminal must not be handed control characters, a pipe must get all bytes. */
  terminal: boolean;
  /** Aborts when the program is told to stop. */
  signal: AbortSignal;
}

/** Sends all texts over one connection, without waiting between them. Resolves with the verdicts. */
export async function send(options: SendOptions): Promise<Tally> {
  const { settings, texts, logger, print, complain, terminal, signal } = options;
  const tally = new Tally();
  const client = new Client(settings, logger);
  signal.addEventListener('abort', () => client.stop('this client was told to stop'));
  const deliveries = texts.map((text) => client.send(text));
  for (const [index, delivery] of deliveries.entries()) {
    const { verdict } = await delivery;
    tally.add(verdict);
    if (verdict.kind === 'replied') print(terminal ? escapeControls(verdict.reply) : verdict.reply);
    else complain(`"${escapeControls(texts[index]!)}": ${inWords(verdict)}`);
  }
  client.hangUp();
  return tally;
}
