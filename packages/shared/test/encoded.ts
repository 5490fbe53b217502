import type { Codec, Notice, Said } from '../src/codec.ts';
import { Unsent } from '../src/unsent.ts';

/** The bytes of what is said. */
export function encoded(codec: Codec<unknown, Notice>, said: Said): Buffer {
  const unsent = new Unsent();
  codec.encode(said, unsent);
  return unsent.take();
}
