/** The lines of a head, of the framing of a chunked body, and of its trailers. */
import type { ReadBuffer } from '../read-buffer.ts';
import { badRequest, type HttpError } from './http-error.ts';

export const CR = 0x0d;
export const LF = 0x0a;
export const LINE_END_BYTES = 2;
/** A method, or the name of a field (RFC 9110 section 5.6.2). */
export const TOKEN = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/;

/** At most `maxBytes` bytes from the start, one character for each. */
export function textOf({ bytes, start, end }: ReadBuffer, maxBytes: number): string {
  return bytes.toString('latin1', start, Math.min(end, start + maxBytes));
}

/**
 * The place of the CR LF that ends the line at `at`, or -1 if it has not come. A line of more than `maxLength` bytes
 * throws what `tooLong` makes.
 *
 * A CR or LF alone is an error at once: RFC 9112 section 2.2 lets a server take LF for a line end, but two servers that
 * differ in this see different requests. All else is judged once the line has come, so that no cut matters.
 */
export function findLineEnd(text: string, at: number, maxLength: number, tooLong: () => HttpError): number {
  const cr = text.indexOf('\r', at);
  const lf = text.indexOf('\n', at);
  const end = lf >= 0 && (cr < 0 || lf < cr) ? lf : cr;
  if ((end < 0 ? text.length : end) - at > maxLength) throw tooLong();
  if (end < 0 || lf === end + 1) return end;
  if (end === lf) throw badRequest('a line ends in LF alone: lines end in CR LF');
  if (end + 1 < text.length) throw badRequest('a CR came without LF: lines end in CR LF');
  return -1;
}

/** Takes so many bytes from `input`, if they have come: a view. */
export function takeBytes(input: ReadBuffer, length: number): Buffer | undefined {
  if (input.length < length) return undefined;
  input.start += length;
  return input.bytes.subarray(input.start - length, input.start);
}

/** Takes the next line from `input`, if it has come; for `maxBytes` and `tooLong` see {@link findLineEnd}. */
export function takeLine(input: ReadBuffer, maxBytes: number, tooLong: () => HttpError): string | undefined {
  const text = textOf(input, maxBytes + LINE_END_BYTES);
  const end = findLineEnd(text, 0, maxBytes, tooLong);
  if (end < 0) return undefined;
  input.start += end + LINE_END_BYTES;
  return text.slice(0, end);
}
