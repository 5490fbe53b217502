/**
 * Protocol detection by a client's first bytes: a pure function, with the same result however the network cuts them.
 * `docs/protocol.md` has the table and the reason why each row is safe.
 *
 * No state is kept between reads. Each call reads the whole head again, 8002 bytes at most. A slowloris client, which sends
 * one byte at a time, costs 5 µs a read on average, and less than 15 µs with the worst bytes that we found.
 */
import { V1_START, V2_SIGNATURE } from '../net/proxy-header.ts';
import { beginsLikeRequest, isNearlyRequestLine, isPartialRequestLine } from './http-likeness.ts';

/** The protocols that have a session. */
export type SessionProtocolName = 'frames' | 'text' | 'http';

/** `proxy`: a header of the PROXY protocol, which only a trusted proxy may send, and which is read before detection. */
export const PROTOCOL_NAMES = ['frames', 'text', 'http', 'tls', 'proxy', 'unknown'] as const;

export type ProtocolName = (typeof PROTOCOL_NAMES)[number];

/** The first line is incomplete: more bytes, a pause or half-close will decide. */
export interface Undecided {
  /**
   * `text`: a pause makes it text. `http`: a request is in progress, and a pause changes nothing. After a timeout, or in a
   * drain, the error reply is in this protocol.
   */
  likely: 'text' | 'http';
  /** Whether a pause also ends the first message. Not after an empty line: this client ends its lines with LF. */
  idleEndsMessage: boolean;
}

/**
 * The longest first line, in bytes: leading empty lines count, its own line end does not. RFC 9112, section 3, recommends
 * support for request lines of 8000 octets.
 */
export const MAX_FIRST_LINE_BYTES = 8000;
const LINE_END_BYTES = 2;
const MAX_HEAD_BYTES = MAX_FIRST_LINE_BYTES + LINE_END_BYTES;

/** How the signature of version 2 begins. */
const V2_EMPTY_LINES = '\r\n\r\n';

const V1_FAMILY = /^PROXY (?:TCP4|TCP6|UNKNOWN)[ \r]/;

const NUL = 0x00;
const TLS_HANDSHAKE = 0x16;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DEL = 0x7f;

/**
 * Decides as early as possible; more bytes never change a decision. `head`: all bytes so far, at least one. Bytes beyond
 * {@link MAX_FIRST_LINE_BYTES} and a line end are ignored.
 */
export function detect(head: Buffer): ProtocolName | Undecided {
  const first = head[0]!;
  if (first === NUL) return 'frames';
  if (first === TLS_HANDSHAKE) return 'tls';
  if (isControl(first)) return 'unknown';
  const text = textOf(head);
  if (isProxyHeader(text)) return 'proxy';
  // Its empty lines decide nothing anyway. The line behind them, of its NUL, would be text.
  if (text.length > V2_EMPTY_LINES.length && V2_SIGNATURE.startsWith(text))
    return { likely: 'text', idleEndsMessage: false };
  return detectLine(text);
}

/** Decides at half-close, for a head that {@link detect} left undecided: it ends the first line as LF does. */
export function detectAtEnd(head: Buffer): 'text' | 'http' {
  const text = textOf(head);
  return protocolOf(text.slice(endOfEmptyLines(text)));
}

function isControl(byte: number): boolean {
  return (byte < SPACE && byte !== TAB && byte !== LF && byte !== CR) || byte === DEL;
}

/** Whether the head begins as one: `PROXY wars` is text. */
function isProxyHeader(text: string): boolean {
  return text.startsWith(V2_SIGNATURE) || (text.startsWith(V1_START) && V1_FAMILY.test(text));
}

/** The head as Latin-1: one character for each byte. */
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

/** Empty lines may precede a request line (RFC 9112, section 2.2), so they decide nothing. */
function endOfEmptyLines(text: string): number {
  return /^(?:\r?\n)*/.exec(text)![0].length;
}

/** `line`: complete, without its LF. */
function protocolOf(line: string): 'text' | 'http' {
  return isNearlyRequestLine(line) ? 'http' : 'text';
}

/** The part that a bare CR ends, or ''. A CR is bare only once another byte follows it. */
function upToLastBareCr(line: string): string {
  const bareCr = line.slice(0, -1).lastIndexOf('\r');
  return line.slice(0, Math.max(0, bareCr));
}
