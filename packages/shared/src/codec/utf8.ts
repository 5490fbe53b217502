/** UTF-8 to text and back, strictly: invalid input is an error, never a replacement character. */
import { isUtf8 } from 'node:buffer';

import { CodecError } from './codec.ts';

const REPLACEMENT = '\uFFFD';

/** The text of `bytes[start, end)`, with its byte order mark, if any. Throws a non-fatal {@link CodecError} `bad_utf8`. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  // Invalid bytes decode to the replacement character. Only text with one is checked again: the client may have sent it.
  if (text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end))) {
    throw new CodecError('bad_utf8', 'not valid UTF-8: send UTF-8, and Base64-encode binary data', { fatal: false });
  }
  return text;
}

/** Throws a RangeError for half a surrogate pair (a lone surrogate), which UTF-8 cannot encode. */
export function assertWellFormed(text: string): void {
  if (!text.isWellFormed()) throw new RangeError('the text contains half a surrogate pair, which UTF-8 cannot encode');
}
