import { decodeAll, type Outcome } from '@knock/shared/test/http-requests';

import type { Reading, ReadRequest } from './reading.ts';

/** The reason of a stream that ended while the codec waited for more of a request: it has not refused a byte of it. */
export const TRUNCATED = '400 the stream ended inside a request';

export interface CodecReading extends Reading {
  /** The last request was the last of the connection: bytes behind it are not read. */
  closed: boolean;
  /** Everything that the codec decoded, to be compared with how it decodes the same bytes in other pieces. */
  outcome: Outcome;
}

/** Each request is answered once it is complete; behind the last byte the stream ends. */
export function readByCodec(pieces: Buffer[]): CodecReading {
  const outcome = decodeAll(pieces);
  const { decoded, failure, over } = outcome;
  const requests: ReadRequest[] = [];
  for (const { line, names, values, keepAlive, body } of decoded) {
    const [method, target, version] = line.split(' ') as [string, string, string];
    const fields = names.flatMap((name, place) => [name, values[place]!]);
    // A request with a body is decoded twice: its head, and all of it.
    if (requests.length > 0 && requests.at(-1)!.body === undefined) requests.pop();
    requests.push({ method, target, version, fields, keepAlive, body });
  }
  const rejection = failure && `${failure.status} ${failure.detail}`;
  return { requests, rejection, closed: over && failure === undefined, outcome };
}
