/** The log: JSON for machines or readable lines for people, on a stream that never blocks the program. */
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';

import { type LevelWithSilent, type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';

export type { Logger } from 'pino';

/** Bytes that may wait for a slow reader; further lines are dropped and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Lines wait this long to be written together. Each write goes through a thread: unbatched, that was more than half of the
 * cost of a connection with one message.
 */
const BATCH_MS = 20;
/** A batch of this many bytes is written at once. */
const BATCH_BYTES = 8192;

/** How long `close` waits for the reader to take the last lines. */
const CLOSE_TIMEOUT_MS = 200;

interface LogOptions {
  level: LevelWithSilent;
  format: 'json' | 'pretty';
  /** The program's name, in every JSON line. */
  name: string;
  /** A file descriptor: 1 is stdout, 2 is stderr. */
  to?: 1 | 2;
  /** Writes are synchronous: each line stays in order with other output on the same terminal. */
  inOrder?: boolean;
}

export interface Log {
  logger: Logger;
  /** Aborts when the reader of the log is gone (EPIPE): further lines go nowhere. */
  readerGone: AbortSignal;
  /** Resolves when all lines are written, or after 200 ms. Nothing may be logged afterwards. */
  close(): Promise<void>;
}

/** Logs to stdout or stderr, one log per descriptor. At most 1 MiB waits for a slow reader; further lines are dropped. */
export function createLog({ level, format, name, to = 1, inOrder = false }: LogOptions): Log {
  makeNonBlocking(to);
  const destination = pino.destination({
    dest: to,
    sync: inOrder,
    maxLength: MAX_WAITING_BYTES,
    minLength: inOrder ? 0 : BATCH_BYTES,
  });
  const batched = inOrder ? destination : batch(destination);
  const logger = pino({ level, base: { name } }, format === 'json' ? batched : prettyStream(batched, to));

  let dropped = 0;
  destination.on('drop', () => (dropped += 1));
  destination.on('drain', () => {
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    logger.error({ dropped: count }, `${count} log lines were dropped: the reader of the log is too slow`);
  });

  const readerGone = new AbortController();
  destination.on('error', () => readerGone.abort());

  return {
    logger,
    readerGone: readerGone.signal,
    async close() {
      if (readerGone.signal.aborted) return;
      const closed = once(destination, 'close').catch(() => undefined);
      destination.end();
      await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS)]);
      destination.destroy();
    },
  };
}

/**
 * A write to a pipe that nobody reads would block one of Node's threads, and the program could not exit. Node makes a pipe
 * non-blocking when `process.stdout` or `process.stderr` is first accessed.
 */
function makeNonBlocking(to: 1 | 2): void {
  if (fstatSync(to).isFIFO()) void (to === 1 ? process.stdout : process.stderr);
}

/** Batches lines: each is written together with those that come within 20 ms. */
function batch(destination: { write(line: string): unknown; flush(): unknown; destroyed?: boolean }) {
  let waiting: NodeJS.Timeout | undefined;
  return {
    write(line: string): void {
      destination.write(line);
      waiting ??= setTimeout(() => {
        waiting = undefined;
        if (!destination.destroyed) destination.flush();
      }, BATCH_MS).unref();
    },
  };
}

/**
 * Lines for people: time, level, message, and the stack of an error. Formatted synchronously: in a transform stream lines
 * would wait uncounted.
 */
function prettyStream(destination: { write(line: string): unknown }, to: 1 | 2) {
  const pretty = prettyFactory({
    colorize: isatty(to) && process.env['NO_COLOR'] === undefined,
    include: 'level,time,stack',
    customPrettifiers: { stack: (stack) => `\n${stack as string}` },
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return { write: (line: string) => void destination.write(pretty(line)) };
}
