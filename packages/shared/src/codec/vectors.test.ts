import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { CodecError, GOAWAY, ErrorReply, type Reply } from './codec.ts';
import { FrameCodec } from './frames.ts';

interface Vector {
  name: string;
  from: 'client' | 'server';
  hex: string;
  heard: unknown[];
  maxBytes?: number;
}

const MAX_BYTES = 65_536;
const vectors = JSON.parse(readFileSync(new URL('../../../../docs/vectors.json', import.meta.url), 'utf8')) as Vector[];

function toVector(reply: Reply): unknown {
  if (reply === GOAWAY) return { goaway: true };
  return reply instanceof ErrorReply ? { errorReply: { code: reply.code, detail: reply.detail } } : { message: reply };
}

/** Decodes a stream up to its end, or to a fatal error. */
function decodeAll(codec: FrameCodec): unknown[] {
  const heard: unknown[] = [];
  for (let ended = false; ;) {
    try {
      const reply = ended ? codec.end() : codec.next();
      if (reply !== undefined) heard.push(toVector(reply));
      else if (ended) return heard;
      else ended = true;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      heard.push({ error: error.code });
      if (error.fatal) return heard;
    }
  }
}

describe('docs/vectors.json', () => {
  test.each(vectors)('$name', ({ from, hex, heard, maxBytes = MAX_BYTES }) => {
    const codec = new FrameCodec({ role: from === 'client' ? 'server' : 'client', maxBytes });
    codec.push(Buffer.from(hex, 'hex'));
    expect(decodeAll(codec)).toEqual(heard);
  });
});
