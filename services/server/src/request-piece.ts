/**
 * Where one HTTP request ends among the bytes that came, so that a parser can be given that request and nothing of the
 * next. What the bytes mean is left to the parser: here only the places are found at which a request can be over.
 */
import type { IncomingMessage } from 'node:http';

import type { Unread } from '@knock/shared/unread';

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');

/**
 * The next bytes of the request, none of which lie behind its end; undefined: there are none yet. `exchange` has the
 * request once its head was parsed, and as much of its body.
 *
 * - A head is over at its first empty line.
 * - A body with a length has that length (RFC 9112 section 6.3).
 * - A chunked body is over behind one of its line ends (section 7.1): it is given line by line.
 */
export function requestPiece(
  unfed: Unread,
  exchange: { request: IncomingMessage; body: Unread } | undefined,
): Buffer | undefined {
  if (exchange === undefined) return upTo(HEAD_END, unfed);
  const { request, body } = exchange;
  if (request.headers['transfer-encoding'] !== undefined) return upTo(LINE_END, unfed);
  const missing = Number(request.headers['content-length'] ?? 0) - body.length;
  return take(unfed, Math.min(missing, unfed.length));
}

/** Empty lines before a request are nobody's (RFC 9112 section 2.2). */
export function skipEmptyLines(unfed: Unread): void {
  while (unfed.length > 0 && LINE_END.includes(unfed.bytes[unfed.start]!)) unfed.start += 1;
}

/** All up to and with the mark, or, where it has not come, all that cannot be a part of it. */
function upTo(mark: Buffer, unfed: Unread): Buffer | undefined {
  const bytes = unfed.bytes.subarray(unfed.start, unfed.end);
  const found = bytes.indexOf(mark);
  if (found >= 0) return take(unfed, found + mark.length);
  let held = Math.min(mark.length - 1, bytes.length);
  while (held > 0 && !bytes.subarray(bytes.length - held).equals(mark.subarray(0, held))) held -= 1;
  return take(unfed, bytes.length - held);
}

function take({ bytes, start }: Unread, length: number): Buffer | undefined {
  return length > 0 ? bytes.subarray(start, start + length) : undefined;
}
