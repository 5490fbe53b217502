/**
 * Takes the place of the server's handler where a test has to know which messages were handled: it writes each of them
 * down, at once and before it answers, so that even a killed server leaves no doubt.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Handler, HandlerOptions } from '@knock/server/handler';

/** `reply`: how long to take for each message, in milliseconds. */
export function createHandler({ reply }: HandlerOptions): Handler {
  return async (message) => {
    await sleep(Number(reply));
    // Not where the log goes: that pipe does not block, so a write could fail when it is full, or land inside a line.
    writeSync(2, `${JSON.stringify({ handled: message })}\n`);
    return message;
  };
}
