/**
 * How much a line looks like an HTTP request line. These are three questions about a line's text, one Latin-1 character
 * for each byte. Whether a request is valid is the HTTP codec's business.
 */
import { METHODS } from 'node:http';

/** White space inside a line as a lenient reader sees it: RFC 9112, section 3, counts a bare CR. */
const WS = String.raw`[ \t\v\f\r]`;
const WORD = String.raw`[^ \t\v\f\r]+`;
const METHOD = `(?:${METHODS.join('|')})`;
const TARGET_START = '(?:[/*]|https?:)';

const VERSION = new RegExp(String.raw`${WS}HTTP/\d`, 'i');
/** A bare CR may end the line here: in a stream without any LF, nothing else ever would. */
const ENDS_IN_VERSION = new RegExp(String.raw`${WS}HTTP/\d\.\d(?:\r|$)`, 'i');
const UP_TO_TARGET = new RegExp(`^${WS}*${WORD}${WS}+${TARGET_START}`, 'i');
const METHOD_AND_TARGET = new RegExp(`^${WS}*${METHOD}${WS}+${TARGET_START}`, 'i');
const REQUEST_IN_PROGRESS = new RegExp(`^${METHOD} (${WORD})?( .*)?$`, 's');
const BEGINS_LIKE_TARGET = new RegExp(`^${TARGET_START}`, 'i');

/** What follows the target in a request line. The last digit stands for any. */
const VERSION_PART = ' HTTP/1.0\r';

/**
 * Whether an ended line is a request line, or meant to be one: in any case of letters, with any white space, method and
 * version. Header lines follow it, and a handler must never get them as messages. `line`: without its LF.
 */
export function isNearlyRequestLine(line: string): boolean {
  if (ENDS_IN_VERSION.test(line)) return true;
  const beginning = UP_TO_TARGET.exec(line);
  return beginning !== null && VERSION.test(line.slice(beginning[0].length));
}

/** Whether a line that is too long to wait for its end has a known method and a target that begins like one. */
export function beginsLikeRequest(line: string): boolean {
  return METHOD_AND_TARGET.test(line);
}

/**
 * Whether an unended line is a request line in progress: a known method and a space, and behind them nothing that a
 * valid request line would not have there. A method alone is not enough, since `GET` may be the beginning of `GETTING`.
 */
export function isPartialRequestLine(line: string): boolean {
  const match = REQUEST_IN_PROGRESS.exec(line);
  if (match === null) return false;
  const [, target = '', version] = match;
  if (BEGINS_LIKE_TARGET.test(target)) return version === undefined || couldBeVersion(version);
  return version === undefined && 'https:'.startsWith(target.toLowerCase());
}

function couldBeVersion(part: string): boolean {
  return VERSION_PART.startsWith(part.replace(/(?<=^ HTTP\/1\.)\d/, '0'));
}
