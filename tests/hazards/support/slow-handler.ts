/** Replaces the server's handler in tests that need a slow one: the message sets the delay. */
import { setTimeout as sleep } from 'node:timers/promises';

import { createHandler as createShipped, type Handler, type HandlerOptions } from '@knock/server/handler';

/** Echoes `wait 5000` after that many milliseconds; other messages get the server's reply at once. */
export function createHandler(options: HandlerOptions): Handler {
  const shipped = createShipped(options);
  return (message, client) => {
    const [, ms] = /^wait (\d+)/.exec(message) ?? [];
    return ms === undefined ? shipped(message, client) : sleep(Number(ms), message, { signal: client.signal });
  };
}
