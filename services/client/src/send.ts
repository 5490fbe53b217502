/** Sends what was given on the command line, and prints the replies. */
import { escapeText } from '@knock/shared/text-sample';

import { Client } from './client.ts';
import { outcome } from './greet.ts';
import type { ClientSettings } from './settings.ts';
import { Tally } from './verdict.ts';

export interface SendOptions {
  settings: ClientSettings;
  texts: readonly string[];
  /** Prints one reply. */
  print: (line: string) => void;
  /** Tells of a message that got no reply. */
  complain: (sentence: string) => void;
  /** Where replies are shown: a terminal must not be handed control characters, a pipe must get all bytes. */
  terminal: boolean;
  signal: AbortSignal;
}

/** Sends all texts over one connection, without waiting between them. Resolves with the verdicts. */
export async function send({ settings, texts, print, complain, terminal, signal }: SendOptions): Promise<Tally> {
  const tally = new Tally();
  const client = new Client(settings);
  signal.addEventListener('abort', () => client.stop('this client was told to stop'));
  const deliveries = texts.map((text) => client.send(text));
  for (const [index, delivery] of deliveries.entries()) {
    const { verdict } = await delivery;
    tally.add(verdict);
    if (verdict.kind === 'replied') print(terminal ? escapeText(verdict.reply) : verdict.reply);
    else complain(`"${escapeText(texts[index]!)}": ${outcome(verdict)}`);
  }
  client.hangUp();
  return tally;
}
