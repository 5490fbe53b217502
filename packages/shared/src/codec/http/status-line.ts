/** The first line of a response: version, status and reason (RFC 9112 section 4). */
import { CodecError } from '../../codec.ts';
import { type HeadFormat, MAX_FIRST_LINE_BYTES } from './head.ts';
import { HttpError } from './http-error.ts';

export type StatusLine = { readonly version: '1.0' | '1.1'; readonly status: number };

/** The reason may be left out, and says nothing: clients go by the status. */
const STATUS_LINE = /^HTTP\/(?<version>1\.[01]) (?<status>[1-5]\d\d)(?: .*)?$/;

export const RESPONSE_HEAD: HeadFormat<StatusLine> = {
  kind: 'response',
  parseLine: parseStatusLine,
  lineTooLong: () => new HttpError(431, `the status line exceeds ${MAX_FIRST_LINE_BYTES} bytes`),
};

function parseStatusLine(line: string): StatusLine {
  const { version, status } = STATUS_LINE.exec(line)?.groups ?? {};
  if (status === undefined) throw badResponse('it begins with no status line of HTTP/1.0 or HTTP/1.1');
  return { version: version as StatusLine['version'], status: Number(status) };
}

/** For a response that cannot be read; where it ends is not certain, so nothing is decoded behind it. */
export function badResponse(detail: string): CodecError {
  return new CodecError('bad_frame', `the response cannot be read: ${detail}`, { fatal: true });
}
