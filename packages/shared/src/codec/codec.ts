/** The interface of all codecs, so that a session need not know which protocol it speaks. */
import type { WriteBuffer } from './write-buffer.ts';

/** Why the server did not answer a message with a reply. */
export type ErrorCode = 'bad_frame' | 'bad_utf8' | 'busy' | 'failed' | 'timeout' | 'too_large';

/** An error instead of a reply. `code` is any text: a server may send codes that its client does not know. */
export class ErrorReply {
  readonly code: string;
  readonly detail: string;

  constructor(code: string, detail: string) {
    this.code = code;
    this.detail = detail;
  }
}

class Goaway {
  readonly detail = '';
}

/** The server ends the session: messages still unanswered were not handled, and nothing follows. */
export const GOAWAY = new Goaway();

/** What the server sends in frames and lines, other than replies. */
export type Notice = ErrorReply | Goaway;

/** What one end sends to the other: a message or its reply, an error reply, or a goaway. */
export type Reply = string | Notice;

/** The input violates the protocol. Decoding can go on after it if `fatal` is false. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
  readonly code: ErrorCode;
  readonly fatal: boolean;

  constructor(code: ErrorCode, detail: string, { fatal }: { fatal: boolean }) {
    super(detail);
    this.code = code;
    this.fatal = fatal;
  }
}

/** `what` is the subject of the message: "a message of 9 bytes", or "this line". */
export function tooLarge(what: string, maxBytes: number): CodecError {
  const detail = `${what} exceeds the limit of ${maxBytes} bytes: send less, or ask the operator to raise MAX_MESSAGE_BYTES`;
  return new CodecError('too_large', detail, { fatal: true });
}

/**
 * Decodes and encodes the bytes of one connection. `In` is what it decodes: a message, or a request. `Out` is what it encodes
 * in addition to replies, which are strings.
 */
export interface Codec<In, Out> {
  /** Takes bytes as they came, cut anywhere. They must not change until they are decoded. */
  push(bytes: Buffer): void;
  /** The next complete input; undefined: more bytes are needed. Throws a {@link CodecError}. */
  next(): In | undefined;
  /** The end of the stream (half-close): the last message, if it ends one. Throws a {@link CodecError} for an incomplete one. */
  end(): In | undefined;
  /**
   * Appends a reply to `out`. If the protocol cannot carry it, throws a RangeError that says why, and appends nothing.
   * `last`: the connection closes after it, which some protocols announce.
   */
  encode(reply: string | Out, out: WriteBuffer, last?: boolean): void;
  /** Whether part of a message is held. */
  readonly hasPartial: boolean;
  /** Whether a pause ends the message that is held. */
  readonly idleEndsMessage: boolean;
  /** Nothing more is decoded: the connection ends after the reply that was encoded last. */
  readonly over?: boolean;
}
