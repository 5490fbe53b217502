/** The log: JSON for machines, or one readable line for people, both on the same stream that never holds its program up. */
import { once } from 'node:events';
import { isatty } from 'node:tty';

import { type LevelWithSilent, type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';

export type { Logger } from 'pino';

/** What may wait for a reader that does not read, in bytes; lines beyond it are dropped and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** How long an ending program waits for the last lines to be taken. */
const FLUSH_TIMEOUT_MS = 200;

interface LogOptions {
  level: LevelWithSilent;
  format: 'json' | 'pretty';
  /** Who speaks: in every JSON line. */
  name: string;
  /** A file descriptor: 1 is stdout, 2 is stderr. */
  to?: 1 | 2;
}

export interface Log {
  logger: Logger;
  /** Resolves when all lines were handed over, or after 200 ms; nothing may be logged afterwards. */
  close(): Promise<void>;
}

export function createLog({ level, format, name, to = 1 }: LogOptions): Log {
  const destination = pino.destination({ dest: to, sync: false, maxLength: MAX_WAITING_BYTES });
  const logger = pino(
    { level, base: { name } },
    format === 'json' ? destination : prettyStream(destination, isatty(to)),
  );

  let dropped = 0;
  destination.on('drop', () => (dropped += 1));
  destination.on('drain', () => {
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    logger.warn({ dropped: count }, `${count} log lines were dropped, because nobody read them fast enough`);
  });

  return {
    logger,
    async close() {
      const taken = once(destination, 'close', { signal: AbortSignal.timeout(FLUSH_TIMEOUT_MS) });
      destination.end();
      await taken.catch(() => undefined);
    },
  };
}

/**
 * People get the time and the sentence: every fact of a line's fields is in its sentence as well. The line is made
 * in place, not in a stream between, where lines would wait uncounted.
 */
function prettyStream(destination: { write(line: string): unknown }, terminal: boolean) {
  const pretty = prettyFactory({
    colorize: terminal && process.env['NO_COLOR'] === undefined,
    hideObject: true,
    // `caller` is one of our fields, and a word that the printer would give a place of its own.
    ignore: 'pid,hostname,name,caller',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return { write: (line: string) => void destination.write(pretty(line)) };
}
