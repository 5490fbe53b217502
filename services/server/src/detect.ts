/**
 * Which language a caller speaks, from its first bytes alone: a pure function of those bytes, however they were cut.
 * `docs/protocol.md` has the table and says why each row is safe.
 */
import { METHODS } from 'node:http';

export type Language = 'frames' | 'text' | 'http' | 'tls' | 'unknown';

/**
 * Not yet known. `could_be_http`: what came is the beginning of a method, or all of it and a space, and a pause makes it text.
 * `looks_like_http`: a method, a space and the first byte of a target came, and only more bytes or the end can tell.
 */
export type NotYet = 'could_be_http' | 'looks_like_http';

/** A request line that is longer than this goes to HTTP, which answers 431. */
export const MAX_REQUEST_LINE_BYTES = 8192;

const NUL = 0x00;
const TLS_HANDSHAKE = 0x16;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DEL = 0x7f;

const TARGET_STARTS = ['/', '*', 'http'];
const VERSION_LINE = /^HTTP\/1\.\d\r?\n/;
/** The longest line end that a version can have, with a digit in place of the `x`, as the model for a prefix. */
const VERSION_MODEL = 'HTTP/1.x\r\n';

/** `head`: all bytes of the connection so far, one at least. */
export function detect(head: Buffer): Language | NotYet {
  const first = head[0]!;
  if (first === NUL) return 'frames';
  if (first === TLS_HANDSHAKE) return 'tls';
  if (isControl(first)) return 'unknown';
  // Latin-1 gives one character for each byte, so nothing is lost and nothing is judged that is not ASCII.
  return detectRequestLine(head.toString('latin1', 0, MAX_REQUEST_LINE_BYTES));
}

function isControl(byte: number): boolean {
  return (byte < SPACE && byte !== TAB && byte !== LF && byte !== CR) || byte === DEL;
}

/** A method alone does not make HTTP, since `GET well soon` is text: it takes the whole line, up to its end. */
function detectRequestLine(head: string): 'http' | 'text' | NotYet {
  const [method, target, version] = splitAtSpaces(head);
  if (target === undefined) return METHODS.some((known) => known.startsWith(method)) ? 'could_be_http' : 'text';
  if (!METHODS.includes(method)) return 'text';
  if (target === '') return version === undefined ? 'could_be_http' : 'text';
  if (!couldBeTarget(target, version !== undefined)) return 'text';
  if (version !== undefined) {
    if (VERSION_LINE.test(version)) return 'http';
    if (!couldBeVersion(version)) return 'text';
  }
  return head.length < MAX_REQUEST_LINE_BYTES ? 'looks_like_http' : 'http';
}

/** What stands before the first space, between the first two, and behind the second. */
function splitAtSpaces(head: string): [method: string, target?: string, version?: string] {
  const first = head.indexOf(' ');
  if (first < 0) return [head];
  const second = head.indexOf(' ', first + 1);
  if (second < 0) return [head.slice(0, first), head.slice(first + 1)];
  return [head.slice(0, first), head.slice(first + 1, second), head.slice(second + 1)];
}

function couldBeTarget(target: string, whole: boolean): boolean {
  if (/[\r\n]/.test(target)) return false;
  return TARGET_STARTS.some((start) => target.startsWith(start) || (!whole && start.startsWith(target)));
}

function couldBeVersion(version: string): boolean {
  const model = version.replace(/^(HTTP\/1\.)\d/, '$1x');
  return VERSION_MODEL.startsWith(model);
}
