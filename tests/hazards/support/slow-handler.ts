/** Takes the place of the server's handler where a test needs one that is not done: it takes as long as the message says. */
import { setTimeout as sleep } from 'node:timers/promises';

import { createHandler as createShipped, type Handler, type HandlerOptions } from '@knock/server/handler';

/** `wait 5000` is answered with itself after so many milliseconds, any other message at once, as the server does. */
export function createHandler(options: HandlerOptions): Handler {
  const shipped = createShipped(options);
  return (message, client) => {
    const [, ms] = /^wait (\d+)/.exec(message) ?? [];
    return ms === undefined ? shipped(message, client) : sleep(Number(ms), message, { signal: client.signal });
  };
}
