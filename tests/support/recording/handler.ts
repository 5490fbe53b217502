/**
 * Takes the place of the server's handler where a test has to know which messages were handled: it writes each of them
 * down, at once and before it answers, so that even a killed server leaves no doubt.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Handler, HandlerOptions } from '@knock/server/handler';

/** `reply`: how long to take for each message, in milliseconds. */
export function createHandler({ reply }: HandlerOptions): Handler {
  // Opened anew, so that a write waits while the pipe is full: Node makes the one that it was given non-blocking.
  const record = openSync('/dev/stderr', 'w');
  return async (message) => {
    await sleep(Number(reply));
    // Not where the log goes: a write could land inside a line.
    writeSync(record, `${JSON.stringify({ handled: message })}\n`);
    return message;
  };
}
