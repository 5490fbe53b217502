/**
 * Does a line look like an HTTP request line? Three questions about its text, in Latin-1. The HTTP codec decides whether a
 * request is valid.
 */
import { METHODS } from 'node:http';

/** White space as lenient parsers read it: RFC 9112, section 3, includes a bare CR. */
const WS = String.raw`[ \t\v\f\r]`;
const WORD = String.raw`[^ \t\v\f\r]+`;
const METHOD = `(?:${METHODS.join('|')})`;
const TARGET_START = '(?:[/*]|https?:)';

const VERSION = new RegExp(String.raw`${WS}HTTP/\d`, 'i');
/** A bare CR may end the line here: in a stream without LF nothing else would. */
const ENDS_IN_VERSION = new RegExp(String.raw`${WS}HTTP/\d\.\d(?:\r|$)`, 'i');
const UP_TO_TARGET = new RegExp(`^${WS}*${WORD}${WS}+${TARGET_START}`, 'i');
const METHOD_AND_TARGET = new RegExp(`^${WS}*${METHOD}${WS}+${TARGET_START}`, 'i');
const REQUEST_IN_PROGRESS = new RegExp(`^${METHOD} (${WORD})?( .*)?$`, 's');
const BEGINS_LIKE_TARGET = new RegExp(`^${TARGET_START}`, 'i');

/** What follows the target in a request line. The last digit stands for any. */
const VERSION_PART = ' HTTP/1.0\r';

/**
 * Whether a complete line is a request line, or meant as one: in any case, with any white space, method and version. Header
 * lines follow it, and they must never reach a handler as messages. `line`: without its LF.
 */
export function isNearlyRequestLine(line: string): boolean {
  if (ENDS_IN_VERSION.test(line)) return true;
  const beginning = UP_TO_TARGET.exec(line);
  return beginning !== null && VERSION.test(line.slice(beginning[0].length));
}

/** For a line above the limit: whether it begins with a known method and the start of a target. */
export function beginsLikeRequest(line: string): boolean {
  return METHOD_AND_TARGET.test(line);
}

/**
 * Whether an incomplete line may become a valid request line: it has a known method, a space, and nothing invalid after
 * them. A method alone is not enough: `GET` may become `GETTING`.
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
