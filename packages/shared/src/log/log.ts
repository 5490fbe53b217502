/** The log: JSON for machines, or one readable line for people, both on the same stream that never holds its program up. */
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';

import { type LevelWithSilent, type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';

export type { Logger } from 'pino';

/** What may wait for a reader that does not read, in bytes; lines beyond it are dropped and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Lines wait this long for others to be written together: each write is handed to a thread, which cost more than half of what a
 * connection with one message costs in all.
 */
const GATHER_MS = 20;
/** As much is written at once in any case, in bytes. */
const GATHER_BYTES = 8192;

/** How long an ending program waits for its last lines to be taken. */
const CLOSE_TIMEOUT_MS = 200;

interface LogOptions {
  level: LevelWithSilent;
  format: 'json' | 'pretty';
  /** Who speaks: in every JSON line. */
  name: string;
  /** A file descriptor: 1 is stdout, 2 is stderr. */
  to?: 1 | 2;
  /** Each line is written at once, between what else the program writes, and the program waits for it. */
  inOrder?: boolean;
}

export interface Log {
  logger: Logger;
  /** Aborts when whoever read the log has gone: further lines go nowhere. */
  readerGone: AbortSignal;
  /** Resolves when all lines were handed over, or after 200 ms; nothing may be logged afterwards. */
  close(): Promise<void>;
}

/**
 * Lines go to stdout or stderr, at most 1 MiB of them waits for a reader, and what is more is dropped and counted. One log
 * for each descriptor.
 */
export function createLog({ level, format, name, to = 1, inOrder = false }: LogOptions): Log {
  makeNonBlocking(to);
  const destination = pino.destination({
    dest: to,
    sync: inOrder,
    maxLength: MAX_WAITING_BYTES,
    minLength: inOrder ? 0 : GATHER_BYTES,
  });
  const gathered = inOrder ? destination : gather(destination);
  const logger = pino({ level, base: { name } }, format === 'json' ? gathered : prettyStream(gathered, to));

  let dropped = 0;
  destination.on('drop', () => (dropped += 1));
  destination.on('drain', () => {
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    logger.error({ dropped: count }, `${count} log lines were dropped, because nobody read them fast enough`);
  });

  const unread = new AbortController();
  destination.on('error', () => unread.abort());

  return {
    logger,
    readerGone: unread.signal,
    async close() {
      if (unread.signal.aborted) return;
      const taken = once(destination, 'close').catch(() => undefined);
      destination.end();
      await Promise.race([taken, sleep(CLOSE_TIMEOUT_MS)]);
      destination.destroy();
    },
  };
}

/**
 * A pipe that nobody reads would otherwise hold one of the threads that Node writes with, and a program cannot end
 * while one of its threads hangs in a write. Node makes a pipe non-blocking when its stream is first asked for.
 */
function makeNonBlocking(to: 1 | 2): void {
  if (fstatSync(to).isFIFO()) void (to === 1 ? process.stdout : process.stderr);
}

/** Lines are written soon: together with those that come within 20 ms. */
function gather(destination: { write(line: string): unknown; flush(): unknown; destroyed?: boolean }) {
  let waiting: NodeJS.Timeout | undefined;
  return {
    write(line: string): void {
      destination.write(line);
      waiting ??= setTimeout(() => {
        waiting = undefined;
        if (!destination.destroyed) destination.flush();
      }, GATHER_MS).unref();
    },
  };
}

/**
 * People get the time, the level, the sentence and, of an error, the places that it went through. The line is made in
 * place, not in a stream between, where lines would wait uncounted.
 */
function prettyStream(destination: { write(line: string): unknown }, to: 1 | 2) {
  const pretty = prettyFactory({
    colorize: isatty(to) && process.env['NO_COLOR'] === undefined,
    include: 'level,time,stack',
    customPrettifiers: { stack: (places) => `\n${places as string}` },
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return { write: (line: string) => void destination.write(pretty(line)) };
}
