/**
 * The file that YOU change: what the server replies.
 *
 * The handler gets a message, from any protocol, and returns the reply or a promise of it. If it throws, that client gets
 * the error `failed`; other clients notice nothing. Framing, limits, timeouts and graceful shutdown are done for you. For
 * example, replace the function at the end by this one:
 *
 *     export function createHandler(_options: HandlerOptions): Handler {
 *       return (message) => `You said ${message.toUpperCase()}`;
 *     }
 */

/** Who sent the message. */
export interface ClientInfo {
  /** The number of its connection, from 1. */
  readonly id: number;
  readonly address: string;
  readonly protocol: 'frames' | 'text' | 'http';
  /** Aborted when the client is gone: stop working for it. */
  readonly signal: AbortSignal;
}

export type Handler = (message: string, client: ClientInfo) => string | Promise<string>;

export interface HandlerOptions {
  /** The setting `REPLY`; `{server}` and `{message}` are placeholders. */
  reply: string;
  /** The name of this server. */
  server: string;
}

/** The default handler: replies with `REPLY`, its placeholders filled in. */
export function createHandler({ reply, server }: HandlerOptions): Handler {
  // Split once, at every `{message}`, and joined for each message.
  const pieces = reply.split('{message}').map((piece) => piece.replaceAll('{server}', () => server));
  const [first = '', ...others] = pieces;
  return (message) => others.reduce((said, piece) => said + message + piece, first);
}
