/**
 * THE file that you change: what the server answers.
 *
 * A message came in, whichever protocol carried it; return the reply, or a promise of it. Throw, and the client hears
 * `failed` while everybody else is served on. Everything around this function (framing, limits, timeouts, draining) is
 * done for you. For example, in the place of the function at the end:
 *
 *     export function createHandler(_options: HandlerOptions): Handler {
 *       return (message) => `You said ${message.toUpperCase()}`;
 *     }
 */

/** Who said it. */
export interface ClientInfo {
  /** Counts connections from 1. */
  readonly id: number;
  readonly address: string;
  readonly protocol: 'frames' | 'text' | 'http';
  /** Aborts when the client is gone, so that work for it can stop. */
  readonly signal: AbortSignal;
}

export type Handler = (message: string, client: ClientInfo) => string | Promise<string>;

export interface HandlerOptions {
  /** The setting `REPLY`; `{server}` and `{message}` in it are filled in. */
  reply: string;
  /** The name of this server. */
  server: string;
}

/** The handler that is shipped: answers `REPLY`, filled in. */
export function createHandler({ reply, server }: HandlerOptions): Handler {
  // Taken apart here, once, at each place where a message belongs; and put together for each message.
  const pieces = reply.split('{message}').map((piece) => piece.replaceAll('{server}', () => server));
  const [first = '', ...others] = pieces;
  return (message) => others.reduce((said, piece) => said + message + piece, first);
}
