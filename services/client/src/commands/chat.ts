/** A conversation: each line that is read is a message, and each reply is printed, in order. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import type { Logger } from '@knock/shared/log/log';

import { Client } from '../delivery/client.ts';
import { OutcomeCounts } from '../delivery/outcome.ts';
import type { ConnectionPolicy } from '../net/persistent-connection.ts';
import type { ClientSettings } from '../settings.ts';
import type { Printer } from './printer.ts';

export interface ChatOptions {
  settings: ClientSettings;
  /** Lines, from a person or from a pipe. */
  input: Readable;
  logger: Logger;
  printer: Printer;
  policy: ConnectionPolicy;
  /** Aborts when the program is told to stop. */
  signal: AbortSignal;
}

/** Lines that are read ahead of their replies: more would only wait in memory. */
const MAX_AHEAD = 1024;

/** Resolves with the outcomes when the input has ended and everything is told, or when it was told to stop. */
export async function chat({ settings, input, logger, printer, policy, signal }: ChatOptions): Promise<OutcomeCounts> {
  const counts = new OutcomeCounts();
  const client = new Client(settings, logger, policy);
  const lines = createInterface({ input, crlfDelay: Infinity });
  signal.addEventListener('abort', () => {
    client.stop('this client was told to stop');
    lines.close();
  });
  let ahead = 0;
  let told = Promise.resolve();
  for await (const line of lines) {
    const delivery = client.send(line);
    ahead += 1;
    told = told.then(async () => {
      const { outcome } = await delivery;
      ahead -= 1;
      counts.add(outcome);
      printer.print(line, outcome);
    });
    if (ahead >= MAX_AHEAD) await told;
  }
  client.endBatch();
  await told;
  client.close();
  return counts;
}
