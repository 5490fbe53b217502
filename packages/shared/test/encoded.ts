import type { Codec, Notice, Reply } from '../src/codec/codec.ts';
import { WriteBuffer } from '../src/codec/write-buffer.ts';

/** The bytes of what is said. */
export function encoded(codec: Codec<unknown, Notice>, said: Reply): Buffer {
  const buffer = new WriteBuffer();
  codec.encode(said, buffer);
  return buffer.take();
}
