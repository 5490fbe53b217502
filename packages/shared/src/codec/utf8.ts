/** Bytes to text and back, without ever putting a replacement character where something else was meant. */
import { isUtf8 } from 'node:buffer';

import { CodecError } from './codec.ts';

const REPLACEMENT = '\uFFFD';

/**
 * The text of `bytes[start, end)`; a byte order mark is kept, as text is handed on as it came.
 * Throws a {@link CodecError} `bad_utf8` that is not fatal.
 */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  // Whatever is not UTF-8 decodes to a replacement character, so only text that holds one needs a second look:
  // a client may have sent that character itself.
  if (text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end))) {
    throw new CodecError(
      'bad_utf8',
      'the message is not valid UTF-8: encode text so, and other bytes as text (Base64)',
      { fatal: false },
    );
  }
  return text;
}

/** Throws a RangeError for half a surrogate pair, which UTF-8 cannot carry. */
export function assertWellFormed(text: string): void {
  if (!text.isWellFormed()) throw new RangeError('the text holds half a surrogate pair, which UTF-8 cannot carry');
}
