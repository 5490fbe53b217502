/** A message as Knock's clients encode it. */
import { FrameCodec, MAX_PAYLOAD_BYTES } from '@knock/shared/codec/frames';
import { WriteBuffer } from '@knock/shared/codec/write-buffer';

export function frame(text: string): Buffer {
  const buffer = new WriteBuffer();
  new FrameCodec({ maxBytes: MAX_PAYLOAD_BYTES, role: 'client' }).encode(text, buffer);
  return buffer.take();
}
