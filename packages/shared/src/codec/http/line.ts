/** Lines of a head, of chunk framing, and of trailers. */
import type { ReadBuffer } from '../read-buffer.ts';
import { badRequest, type HttpError } from './http-error.ts';

export const CR = 0x0d;
export const LF = 0x0a;
export const LINE_END_BYTES = 2;
/** A method, or the name of a field (RFC 9110 section 5.6.2). */
export const TOKEN = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/;

/** At most `maxBytes` bytes from the start, as Latin-1: one character per byte. */
export function textOf({ bytes, start, end }: ReadBuffer, maxBytes: number): string {
  return bytes.toString('latin1', start, Math.min(end, start + maxBytes));
}

/**
 * The index of the CR LF that ends the line at `at`, or -1 if it has not come. Throws `tooLong()` for a line of more than
 * `maxLength` bytes.
 *
 * A bare CR or LF is an error at once. RFC 9112 section 2.2 allows LF as a line end, but two parsers that disagree see
 * different requests (request smuggling). Everything else is checked once the line is complete, so no cut matters.
 */
export function findLineEnd(text: string, at: number, maxLength: number, tooLong: () => HttpError): number {
  const cr = text.indexOf('\r', at);
  const lf = text.indexOf('\n', at);
  const end = lf >= 0 && (cr < 0 || lf < cr) ? lf : cr;
  if ((end < 0 ? text.length : end) - at > maxLength) throw tooLong();
  if (end < 0 || lf === end + 1) return end;
  if (end === lf) throw badRequest('bare LF: lines end in CR LF');
  if (end + 1 < text.length) throw badRequest('bare CR: lines end in CR LF');
  return -1;
}

/** Takes `length` bytes from `input`, as a view, if they have come. */
export function takeBytes(input: ReadBuffer, length: number): Buffer | undefined {
  if (input.length < length) return undefined;
  input.start += length;
  return input.bytes.subarray(input.start - length, input.start);
}

/** Takes the next line from `input`, if it has come. For `maxBytes` and `tooLong` see {@link findLineEnd}. */
export function takeLine(input: ReadBuffer, maxBytes: number, tooLong: () => HttpError): string | undefined {
  const text = textOf(input, maxBytes + LINE_END_BYTES);
  const end = findLineEnd(text, 0, maxBytes, tooLong);
  if (end < 0) return undefined;
  input.start += end + LINE_END_BYTES;
  return text.slice(0, end);
}
