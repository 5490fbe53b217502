/** What a protocol is to a session: its codec, and what it answers. `frames.ts`, `text.ts` and `http.ts` are protocols. */
import type { Codec } from '@knock/shared/codec/codec';

import type { Denial } from '../net/admission.ts';
import type { CloseReason } from '../net/close-reason.ts';
import type { ConnectionHandler } from '../net/connection-handler.ts';
import type { Connection } from '../net/connection.ts';

/** What a session has to know of a reply that is not a handler's. */
export interface OwnReply {
  /** It is an error: counted and logged under this code. */
  readonly code?: string;
  /** What the client is told of the error, in one line. */
  readonly detail?: string;
  /** The connection ends with this reply, for this reason. */
  readonly ends?: CloseReason;
  /** Another reply to the same input follows. */
  readonly interim?: boolean;
  /** Once this reply is written the connection has another handler, for its remaining life. */
  readonly takeOver?: ((connection: Connection) => ConnectionHandler) | undefined;
}

/** Why a session itself sends an error: every protocol has words for these. */
export type SessionErrorCode = 'bad_frame' | 'bad_utf8' | 'busy' | 'failed' | 'timeout' | 'tls' | 'too_large';

/** Holds no state of a connection: the server has one of each protocol. `In` is what is decoded, `Out` what is encoded. */
export interface Protocol<In, Out extends OwnReply> {
  /** The codec of one connection. */
  open(): Codec<In, Out>;
  /** The answer to what was decoded. A string is a message for the handler; undefined: nothing is answered yet. */
  answer(input: In, connection: Connection): string | Out | Promise<Out> | undefined;
  /** `fault`: what the codec threw, if it did. */
  errorReply(code: SessionErrorCode, detail: string, fault?: unknown): Out;
  /** The last thing said to a client whose connection the server ends. `owesReply`: part of a message has come. */
  farewell(owesReply: boolean, detail: string): Out | undefined;
  /** Whether this is answered though the client is denied: a probe. Without it a denied client is told so at once. */
  answersDenied?(input: In, connection: Connection, denial: Denial): boolean;
  /** In a drain, how long an idle client may still send, in milliseconds, to hear that it is not served. Without it: not at all. */
  readonly drainGraceMs?: number;
}
