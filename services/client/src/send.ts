/** Sends what was given on the command line, and prints the replies. */
import type { Logger } from '@knock/shared/log/log';

import { Client } from './client.ts';
import type { Printer } from './printer.ts';
import type { ClientSettings } from './settings.ts';
import { Tally } from './verdict.ts';
import type { Cut } from './writer.ts';

export interface SendOptions {
  settings: ClientSettings;
  texts: readonly string[];
  logger: Logger;
  printer: Printer;
  cut: Cut;
  /** Aborts when the program is told to stop. */
  signal: AbortSignal;
}

/** Sends all texts over one connection, without waiting between them. Resolves with the verdicts. */
export async function send(options: SendOptions): Promise<Tally> {
  const { settings, texts, logger, printer, cut, signal } = options;
  const tally = new Tally();
  const client = new Client(settings, logger, { cut });
  signal.addEventListener('abort', () => client.stop('this client was told to stop'));
  const deliveries = texts.map((text) => client.send(text));
  client.expectNoMore();
  for (const [index, delivery] of deliveries.entries()) {
    const { verdict } = await delivery;
    tally.add(verdict);
    printer.tell(texts[index]!, verdict);
  }
  client.hangUp();
  return tally;
}
