/** The handler behind every transcript. The message decides what it does, so a case is nothing but bytes and pauses. */

/** Anything else is answered at once, in brackets: no reply then looks like an error, an HTTP response or its own message. */
const BEHAVIOURS: Readonly<Record<string, () => string | Promise<string>>> = {
  later: async () => {
    await new Promise(setImmediate);
    return '[later]';
  },
  wait: () => new Promise((resolve) => setTimeout(() => resolve('[wait]'), HANDLER_WAITS_MS)),
  never: () => new Promise(() => undefined),
  throw: () => {
    throw new Error('the handler threw');
  },
  reject: () => Promise.reject(new Error('the handler rejected')),
  'no text': () => 42 as never,
  'two lines': () => 'one\ntwo',
  'half a surrogate pair': () => '\ud800',
};

/** How long `wait` takes, in milliseconds: longer than the pause that ends a text message. */
export const HANDLER_WAITS_MS = 400;

export function handler(message: string): string | Promise<string> {
  return BEHAVIOURS[message]?.() ?? `[${message}]`;
}
