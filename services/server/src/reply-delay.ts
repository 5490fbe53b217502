/** `REPLY_DELAY_MS`: makes any handler slow, so that drain, timeouts and pipelining can be seen without editing it. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Handler } from './handler.ts';

/** The same handler, which begins `ms` milliseconds late; the wait ends with its client's connection. */
export function delayed(handler: Handler, ms: number): Handler {
  if (ms === 0) return handler;
  return async (message, client) => {
    await sleep(ms, undefined, { signal: client.signal });
    return handler(message, client);
  };
}
