/** The command `send`: sends each text as a message, and prints the replies in order. */
import type { Logger } from '@knock/shared/log/log';

import { Client } from '../delivery/client.ts';
import { OutcomeCounts } from '../delivery/outcome.ts';
import type { ConnectionPolicy } from '../net/persistent-connection.ts';
import type { ClientSettings } from '../settings.ts';
import type { Printer } from './printer.ts';

export interface SendOptions {
  settings: ClientSettings;
  texts: readonly string[];
  logger: Logger;
  printer: Printer;
  policy: ConnectionPolicy;
  /** Aborts to stop the command. */
  signal: AbortSignal;
}

/** Pipelines all texts over one connection. Resolves with the outcomes. */
export async function send(options: SendOptions): Promise<OutcomeCounts> {
  const { settings, texts, logger, printer, policy, signal } = options;
  const counts = new OutcomeCounts();
  const client = new Client(settings, logger, policy);
  signal.addEventListener('abort', () => client.stop('this client was stopped'));
  const deliveries = texts.map((text) => client.send(text));
  client.endBatch();
  for (const [index, delivery] of deliveries.entries()) {
    const { outcome } = await delivery;
    counts.add(outcome);
    printer.print(texts[index]!, outcome);
  }
  client.close();
  return counts;
}
