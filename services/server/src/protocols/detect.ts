/**
 * Which protocol a client speaks, from its first bytes alone: a pure function of them, however the network cut them.
 * `docs/protocol.md` has the table and says why each row is safe.
 *
 * No state is kept between reads. Each call looks at the whole head again, but at 8002 bytes at most: for a client that
 * sends them one at a time that is some 5 µs a read on average, and below 15 µs for the worst bytes that we found.
 */
import { beginsLikeRequest, isNearlyRequestLine, isPartialRequestLine } from './http-likeness.ts';

export type ProtocolName = 'frames' | 'text' | 'http' | 'tls' | 'unknown';

/** The first line has not ended yet: more bytes, a pause or half-close will decide. */
export interface Undecided {
  /**
   * `text`: a pause makes it text. `http`: a request is in progress, and a pause changes nothing. A timeout or a drain
   * ends the waiting, and then the error reply is in this protocol.
   */
  likely: 'text' | 'http';
  /** Whether a pause also ends the first message. After an empty line it does not: such a client ends its lines. */
  idleEndsMessage: boolean;
}

/**
 * The longest first line in bytes: leading empty lines count, its own line end does not. RFC 9112, section 3,
 * recommends that a server takes request lines of 8000 octets.
 */
export const MAX_FIRST_LINE_BYTES = 8000;
const LINE_END_BYTES = 2;
const MAX_HEAD_BYTES = MAX_FIRST_LINE_BYTES + LINE_END_BYTES;

const NUL = 0x00;
const TLS_HANDSHAKE = 0x16;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DEL = 0x7f;

/**
 * Decides as soon as the bytes do, and never changes a decision when more follow. `head`: all bytes of the connection
 * so far, one at least; those beyond the first {@link MAX_FIRST_LINE_BYTES} and a line end decide nothing.
 */
export function detect(head: Buffer): ProtocolName | Undecided {
  const first = head[0]!;
  if (first === NUL) return 'frames';
  if (first === TLS_HANDSHAKE) return 'tls';
  if (isControl(first)) return 'unknown';
  return detectLine(textOf(head));
}

/** What half-close makes of a head that {@link detect} left undecided: it ends the first line, as an LF does. */
export function detectAtEnd(head: Buffer): 'text' | 'http' {
  const text = textOf(head);
  return protocolOf(text.slice(endOfEmptyLines(text)));
}

function isControl(byte: number): boolean {
  return (byte < SPACE && byte !== TAB && byte !== LF && byte !== CR) || byte === DEL;
}

/** The bytes that count, in Latin-1: one character for each byte. */
function textOf(head: Buffer): string {
  return head.toString('latin1', 0, MAX_HEAD_BYTES);
}

function detectLine(text: string): ProtocolName | Undecided {
  const start = endOfEmptyLines(text);
  const lineEnd = text.indexOf('\n', start);
  if (lineEnd >= 0) return protocolOf(text.slice(start, lineEnd));
  const line = text.slice(start);
  if (isNearlyRequestLine(upToLastBareCr(line))) return 'http';
  if (text.length === MAX_HEAD_BYTES) return beginsLikeRequest(line) ? 'http' : 'text';
  if (isPartialRequestLine(line)) return { likely: 'http', idleEndsMessage: false };
  return { likely: 'text', idleEndsMessage: start === 0 };
}

/** Empty lines may come before a request line (RFC 9112, section 2.2), so they alone decide nothing. */
function endOfEmptyLines(text: string): number {
  return /^(?:\r?\n)*/.exec(text)![0].length;
}

/** `line`: ended, without its LF. */
function protocolOf(line: string): 'text' | 'http' {
  return isNearlyRequestLine(line) ? 'http' : 'text';
}

/** What a bare CR ends, if anything does. A CR is bare only once the byte behind it has come. */
function upToLastBareCr(line: string): string {
  const bareCr = line.slice(0, -1).lastIndexOf('\r');
  return line.slice(0, Math.max(0, bareCr));
}
