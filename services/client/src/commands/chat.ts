/** The command `chat`: sends each line of its input as a message, and prints the replies in order. */
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
  /** Lines, typed or from a pipe. */
  input: Readable;
  logger: Logger;
  printer: Printer;
  policy: ConnectionPolicy;
  /** Aborts to stop the command. */
  signal: AbortSignal;
}

/** Lines that may be read ahead of their replies: further lines would only wait in memory. */
const MAX_AHEAD = 1024;

/** Resolves with the outcomes once the input has ended and every outcome is printed, or after `signal`. */
export async function chat({ settings, input, logger, printer, policy, signal }: ChatOptions): Promise<OutcomeCounts> {
  const counts = new OutcomeCounts();
  const client = new Client(settings, logger, policy);
  const lines = createInterface({ input, crlfDelay: Infinity });
  signal.addEventListener('abort', () => {
    client.stop('this client was stopped');
    lines.close();
  });
  let ahead = 0;
  let printed = Promise.resolve();
  for await (const line of lines) {
    const delivery = client.send(line);
    ahead += 1;
    printed = printed.then(async () => {
      const { outcome } = await delivery;
      ahead -= 1;
      counts.add(outcome);
      printer.print(line, outcome);
    });
    if (ahead >= MAX_AHEAD) await printed;
  }
  client.endBatch();
  await printed;
  client.close();
  return counts;
}
