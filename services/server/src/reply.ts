/** What a handler answers, made safe: handlers are changed by everybody, and none of them may harm another caller. */
import { escapeControls, sampleText } from '@knock/shared/text-sample';

import type { Caller, Handler } from './handler.ts';

/** What a caller hears of a handler that failed. */
export const NO_REPLY = 'the server could not answer this message: its log says why';

/** What a caller hears of a handler that did not answer in time, in milliseconds. */
export function noReplyWithin(ms: number): string {
  return `the server had no reply within ${ms} ms: it may still have done what was asked`;
}

/** The handler's reply, or a promise of it. Throws, or rejects, where the handler does or where it is no text. */
export function replyOf(handler: Handler, message: string, caller: Caller): string | Promise<string> {
  const reply: unknown = handler(message, caller);
  // Anything else that has a `then` may call back at once, twice or never: a promise of our own does not.
  return typeof reply === 'string' ? reply : Promise.resolve(reply).then(assertText);
}

function assertText(reply: unknown): string {
  if (typeof reply === 'string') return reply;
  throw new TypeError(`it must answer with a text, and answered with ${reply === null ? 'null' : typeof reply}`);
}

/** What went wrong in a handler, for the log: whatever it threw, on one line; and where, if that is known. */
export function describeFailure(thrown: unknown): { failure: string; stack?: string } {
  if (!(thrown instanceof Error)) return { failure: `it threw ${typeof thrown}` };
  const [name, message, stack] = [thrown.name, thrown.message, thrown.stack].map(String) as [string, string, string];
  // Only the lines that name a place, behind the message: it may hold what the caller sent, such lines among it.
  const places = stack.slice(stack.indexOf(message) + message.length).match(/^ {4}at .*$/gm) ?? [];
  return { failure: sampleText(`${name}: ${message}`), stack: places.map(escapeControls).join('\n') };
}
