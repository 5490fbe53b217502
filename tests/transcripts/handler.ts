/** The handler of all transcripts. The message decides what it does: a case consists of bytes and pauses only. */

/** Replies to other messages at once, in brackets: such a reply cannot look like an error, an HTTP response or its message. */
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

/** The delay of `wait`, in milliseconds: longer than TEXT_IDLE_MS. */
export const HANDLER_WAITS_MS = 400;

export function handler(message: string): string | Promise<string> {
  return BEHAVIOURS[message]?.() ?? `[${message}]`;
}
