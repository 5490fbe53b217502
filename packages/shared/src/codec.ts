/**
 * What frames and lines have in common, so that a conversation need not know which of them it speaks:
 * what comes out of a decoder, what goes wrong in one, and what can be encoded.
 */

import type { Unsent } from './unsent.ts';

/** Why the server did not answer a message with a reply. */
export type RefusalCode = 'bad_frame' | 'bad_utf8' | 'busy' | 'failed' | 'timeout' | 'too_large';

/** The server says no. A client may hear a code that it does not know, so a code is any text. */
export class Refusal {
  readonly code: string;
  readonly sentence: string;

  constructor(code: string, sentence: string) {
    this.code = code;
    this.sentence = sentence;
  }
}

/** The server leaves: nothing that is unanswered when this comes was handled, and nothing follows it. */
export const GOAWAY = Symbol('goaway');

/** What one end says to the other: a message (or its reply), a refusal, or a goaway. */
export type Said = string | Refusal | typeof GOAWAY;

/** What came is not what the language allows. The decoder that threw it has moved past the fault if `fatal` is false. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
  readonly code: RefusalCode;
  readonly fatal: boolean;

  constructor(code: RefusalCode, sentence: string, { fatal }: { fatal: boolean }) {
    super(sentence);
    this.code = code;
    this.fatal = fatal;
  }
}

/** `what` is too large: "a message of 9 bytes", or "this line". `maxBytes`: the limit. */
export function tooLarge(what: string, maxBytes: number): CodecError {
  const sentence = `${what} is above the limit of ${maxBytes} bytes: send less, or raise MAX_MESSAGE_BYTES`;
  return new CodecError('too_large', sentence, { fatal: true });
}

/** One language, for one connection: bytes to what is heard, and what is said to bytes. */
export interface Codec<Heard extends Said = Said> {
  /** Takes bytes as they came, however they were cut. */
  push(bytes: Buffer): void;
  /** The next thing that was wholly said; undefined: more bytes are needed. Throws a {@link CodecError}. */
  next(): Heard | undefined;
  /** No more bytes will come: what that makes of the rest. Throws a {@link CodecError} where it is no whole message. */
  end(): Heard | undefined;
  /** Whether a pause of the other end means that its message is complete. */
  readonly endsByPause: boolean;
  /** Whether bytes of an unfinished message wait. */
  readonly unfinished: boolean;
  /**
   * Appends what is said. Throws a RangeError that says why where the language cannot carry it, and has appended nothing then.
   */
  encode(said: Said, to: Unsent): void;
}
