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

function inWords(said: Reply): unknown {
  if (said === GOAWAY) return { goaway: true };
  return said instanceof ErrorReply ? { errorReply: { code: said.code, detail: said.detail } } : { message: said };
}

/** What is heard in a stream, up to its end or to the fault that ends it. */
function hear(codec: FrameCodec): unknown[] {
  const heard: unknown[] = [];
  for (let ended = false; ;) {
    try {
      const said = ended ? codec.end() : codec.next();
      if (said !== undefined) heard.push(inWords(said));
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
    expect(hear(codec)).toEqual(heard);
  });
});
