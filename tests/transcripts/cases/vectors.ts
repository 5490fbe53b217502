/** The byte vectors of the protocol. Those that only a server may send are malformed from a client. */
import { readFileSync } from 'node:fs';

import { byteByByte, type Case, cases, closesAndStays } from '../case.ts';

interface Vector {
  name: string;
  hex: string;
  maxBytes?: number;
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../../../docs/vectors.json', import.meta.url), 'utf8'),
) as readonly Vector[];

export const vectorCases: readonly Case[] = VECTORS.flatMap(({ name, hex, maxBytes }) => {
  const bytes = Buffer.from(hex, 'hex');
  const shared = maxBytes === undefined ? {} : { settings: { MAX_MESSAGE_BYTES: maxBytes } };
  return [
    ...closesAndStays('frames/vectors', { [name]: bytes }, shared),
    ...cases('frames/vectors', { [`${name}, byte by byte`]: byteByByte(bytes) }, { ...shared, ending: 'closes' }),
  ];
});
