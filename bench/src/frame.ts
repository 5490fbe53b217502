/** A message as Knock's clients say it. */
import { FrameCodec, MAX_PAYLOAD_BYTES } from '@knock/shared/frames';
import { Unsent } from '@knock/shared/unsent';

export function frame(text: string): Buffer {
  const unsent = new Unsent();
  new FrameCodec({ maxBytes: MAX_PAYLOAD_BYTES, role: 'client' }).encode(text, unsent);
  return unsent.take();
}
