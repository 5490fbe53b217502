/** The interface between a session and its protocol, which `frames.ts`, `text.ts` and `http.ts` implement. */
import type { Codec } from '@knock/shared/codec/codec';

import type { Denial } from '../net/admission.ts';
import type { CloseReason } from '../net/close-reason.ts';
import type { ConnectionHandler } from '../net/connection-handler.ts';
import type { Connection } from '../net/connection.ts';

/** What a session needs to know about a reply that does not come from the handler. */
export interface ProtocolReply {
  /** Set for errors, which are counted and logged under this code. */
  readonly code?: string;
  /** The error's text for the client, in one line. */
  readonly detail?: string;
  /** Set if the connection ends with this reply: the close reason. */
  readonly ends?: CloseReason;
  /** Another reply to the same input follows. */
  readonly interim?: boolean;
  /** Creates the handler that takes over the connection once this reply is written. */
  readonly takeOver?: ((connection: Connection) => ConnectionHandler) | undefined;
}

/** The errors that a session itself sends, in any protocol. */
export type SessionErrorCode = 'bad_frame' | 'bad_utf8' | 'busy' | 'failed' | 'timeout' | 'tls' | 'too_large';

/** Stateless: one object serves all connections. `In` is what is decoded, `Out` what is encoded. */
export interface Protocol<In, Out extends ProtocolReply> {
  /** Creates the codec of one connection. */
  open(): Codec<In, Out>;
  /** Answers what was decoded. A string is a message for the handler; undefined: no answer yet. */
  answer(input: In, connection: Connection): string | Out | Promise<Out> | undefined;
  /** `fault`: what the codec threw, if it did. */
  errorReply(code: SessionErrorCode, detail: string, fault?: unknown): Out;
  /** The last reply when the server ends the connection. `owesReply`: part of a message has come. */
  farewell(owesReply: boolean, detail: string): Out | undefined;
  /** Whether to answer this input of a denied client: a probe. Without it, denied clients get their error at once. */
  answersDenied?(input: In, connection: Connection, denial: Denial): boolean;
  /** In a drain: how long an idle connection stays open to answer late requests with an error, in ms. Default: 0. */
  readonly drainGraceMs?: number;
}
