import { decodeAll, type DecodingResult } from '@knock/shared/test/http-requests';

import type { Reading, ReadRequest } from './reading.ts';

/** The reason for a stream that ended inside a request: no byte of it was rejected. */
export const TRUNCATED = '400 the stream ended inside a request';

export interface CodecReading extends Reading {
  /** The last request closes the connection: later bytes are not read. */
  closed: boolean;
  /** All decoded requests, to compare with other splits of the same bytes. */
  outcome: DecodingResult;
}

/** Replies to each complete request; the stream ends after the last byte. */
export function readByCodec(pieces: Buffer[]): CodecReading {
  const outcome = decodeAll(pieces);
  const { decoded, failure, over } = outcome;
  const requests: ReadRequest[] = [];
  for (const { line, names, values, keepAlive, body } of decoded) {
    const [method, target, version] = line.split(' ') as [string, string, string];
    const fields = names.flatMap((name, place) => [name, values[place]!]);
    // A request with a body is decoded twice: its head, and complete.
    if (requests.length > 0 && requests.at(-1)!.body === undefined) requests.pop();
    requests.push({ method, target, version, fields, keepAlive, body });
  }
  const rejection = failure && `${failure.status} ${failure.detail}`;
  return { requests, rejection, closed: over && failure === undefined, outcome };
}
