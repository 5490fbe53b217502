/** A conversation: each line that is read is a message, and each reply is printed, in order. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import type { Logger } from '@knock/shared/log/log';

import { Client } from './client.ts';
import type { Printer } from './printer.ts';
import type { ClientSettings } from './settings.ts';
import { Tally } from './verdict.ts';
import type { Cut } from './writer.ts';

export interface ChatOptions {
  settings: ClientSettings;
  /** Lines, from a person or from a pipe. */
  input: Readable;
  logger: Logger;
  printer: Printer;
  cut: Cut;
  /** Aborts when the program is told to stop. */
  signal: AbortSignal;
}

/** Lines that are read ahead of their replies: more would only wait in memory. */
const MOST_AHEAD = 1024;

/** Resolves with the verdicts when the input has ended and everything is told, or when it was told to stop. */
export async function chat({ settings, input, logger, printer, cut, signal }: ChatOptions): Promise<Tally> {
  const tally = new Tally();
  const client = new Client(settings, logger, { cut });
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
      const { verdict } = await delivery;
      ahead -= 1;
      tally.add(verdict);
      printer.tell(line, verdict);
    });
    if (ahead >= MOST_AHEAD) await told;
  }
  client.expectNoMore();
  await told;
  client.hangUp();
  return tally;
}
