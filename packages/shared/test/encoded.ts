import type { Codec, Notice, Reply } from '../src/codec/codec.ts';
import { WriteBuffer } from '../src/codec/write-buffer.ts';

/** The encoded bytes of one reply. */
export function encoded(codec: Codec<unknown, Notice>, reply: Reply): Buffer {
  const buffer = new WriteBuffer();
  codec.encode(reply, buffer);
  return buffer.take();
}
