/**
 * Replaces the server's handler where a test must know which messages were handled. It records each synchronously before the
 * reply, so that the record is complete even if the server is killed.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Handler, HandlerOptions } from '@knock/server/handler';

/** `reply`: the delay of each reply, in milliseconds. */
export function createHandler({ reply }: HandlerOptions): Handler {
  // Reopened, so that writes block while the pipe is full: Node sets its own descriptor non-blocking.
  const record = openSync('/dev/stderr', 'w');
  return async (message) => {
    await sleep(Number(reply));
    // Not the log's stream: a write could land inside a log line.
    writeSync(record, `${JSON.stringify({ handled: message })}\n`);
    return message;
  };
}
