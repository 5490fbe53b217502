/**
 * What all codecs have in common, so that a session need not know which protocol it speaks: what comes out of a decoder,
 * what goes wrong in one, and what can be encoded.
 */

import type { WriteBuffer } from './write-buffer.ts';

/** Why the server did not answer a message with a reply. */
export type ErrorCode = 'bad_frame' | 'bad_utf8' | 'busy' | 'failed' | 'timeout' | 'too_large';

/** The server says no. A client may hear a code that it does not know, so a code is any text. */
export class ErrorReply {
  readonly code: string;
  readonly detail: string;

  constructor(code: string, detail: string) {
    this.code = code;
    this.detail = detail;
  }
}

/** It says nothing but that it came. */
class Goaway {
  readonly detail = '';
}

/** The server leaves: nothing that is unanswered when this comes was handled, and nothing follows it. */
export const GOAWAY = new Goaway();

/** What the server says in frames and lines beside replies. */
export type Notice = ErrorReply | Goaway;

/** What one end says to the other: a message (or its reply), an error reply, or a goaway. */
export type Reply = string | Notice;

/** What came is not what the protocol allows. The decoder that threw it has moved past the fault if `fatal` is false. */
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

/** `what` is too large: "a message of 9 bytes", or "this line". `maxBytes`: the limit. */
export function tooLarge(what: string, maxBytes: number): CodecError {
  const detail = `${what} is above the limit of ${maxBytes} bytes: send less, or raise MAX_MESSAGE_BYTES`;
  return new CodecError('too_large', detail, { fatal: true });
}

/**
 * One protocol's bytes, for one connection. `In` is what it decodes: a message, or a request. `Out` is what it encodes
 * beside replies, which are strings.
 */
export interface Codec<In, Out> {
  /** Takes bytes as they came, however they were cut. They must not change until they are decoded. */
  push(bytes: Buffer): void;
  /** The next thing that has come; undefined: more bytes are needed. Throws a {@link CodecError}. */
  next(): In | undefined;
  /** No more bytes will come: what that makes of the rest. Throws a {@link CodecError} if it is no whole message. */
  end(): In | undefined;
  /**
   * Appends a reply, or what else is said. Throws a RangeError that says why if the protocol cannot carry it, and has
   * appended nothing then. `last`: the connection ends with it, which some protocols say.
   */
  encode(reply: string | Out, out: WriteBuffer, last?: boolean): void;
  /** Whether bytes of an unfinished message are held. */
  readonly hasPartial: boolean;
  /** Whether a pause of the other end means that its message is complete. */
  readonly idleEndsMessage: boolean;
  /** Nothing is decoded any more: what was encoded last ends the connection. */
  readonly over?: boolean;
}
