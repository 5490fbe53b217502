/**
 * Compares the codec with llhttp. The codec may reject more, and close where llhttp goes on; llhttp must accept and parse alike
 * all that the codec accepts. Bytes after an upgrade or a closing request are not compared.
 */
import { isDeepStrictEqual } from 'node:util';

import type { Random } from '../../support/random.ts';
import { type CodecReading, readByCodec, TRUNCATED } from './codec-reader.ts';
import { type LlhttpReading, type LlhttpRequest, readByLlhttp } from './llhttp-reader.ts';
import { cutAtRandom } from './mutations.ts';
import type { ReadRequest } from './reading.ts';

export interface Comparison {
  /** The difference, with the bytes and both results; undefined: none. */
  difference: string | undefined;
  /** Why the codec rejected the stream; undefined: it did not. */
  rejection: string | undefined;
  /** Requests that the codec decoded. */
  requests: number;
}

/** Parses the bytes in one piece with both, and with the codec in random pieces, too. */
export function compareReadings(bytes: Buffer, random: Random): Comparison {
  const codec = readByCodec([Buffer.from(bytes)]);
  const llhttp = readByLlhttp(bytes);
  const pieces = cutAtRandom(bytes, random);
  const cut = readByCodec(pieces);
  const what = isDeepStrictEqual(cut.outcome, codec.outcome)
    ? differenceOf(codec, llhttp)
    : `the codec reads it as ${JSON.stringify(cut.outcome)} in pieces of ${pieces.map(({ length }) => length).join()}`;
  return {
    difference: what && describe(what, { bytes: bytes.toString('latin1'), codec, llhttp }),
    rejection: codec.rejection,
    requests: codec.requests.length,
  };
}

const describe = (what: string, details: Record<string, unknown>) =>
  [what, ...Object.entries(details).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`)].join('\n');

function differenceOf(codec: CodecReading, llhttp: LlhttpReading): string | undefined {
  const waits = codec.rejection === undefined || codec.rejection === TRUNCATED;
  for (const [place, request] of codec.requests.entries()) {
    const other = llhttp.requests[place];
    const what = other === undefined ? 'llhttp does not see it' : requestDifference(request, other, waits);
    if (what !== undefined) return `request ${place}: ${what}`;
  }
  if (codec.closed || !waits) return undefined;
  if (llhttp.requests.length > codec.requests.length) return 'llhttp sees a request more';
  // If the codec waits for the rest of a line, it may still reject it.
  if (codec.rejection === undefined && llhttp.rejection !== undefined) return 'llhttp alone refuses it';
  return undefined;
}

/** `waits`: the codec has rejected nothing after this request. */
function requestDifference(request: ReadRequest, other: LlhttpRequest, waits: boolean): string | undefined {
  for (const part of ['method', 'target', 'version'] as const) {
    if (request[part] !== other[part]) return `another ${part}`;
  }
  if (request.fields.join('\n') !== other.fields.join('\n')) return 'other fields';
  if (request.keepAlive && !other.keepAlive) return 'llhttp closes the connection';
  if (other.upgrades) return undefined;
  const { body } = request;
  if (body !== undefined && body !== other.body) return 'another body';
  if (body === undefined && waits && other.body !== undefined) return 'llhttp sees the end of the body';
  return undefined;
}
