/** Frames: four bytes in front of each message. `docs/protocol.md` is the specification. */
import { GOAWAY, type Notice, ErrorReply } from '@knock/shared/codec/codec';
import { FrameCodec } from '@knock/shared/codec/frames';

import type { Protocol } from './protocol.ts';

/** `maxBytes`: the largest message, in bytes. */
export function framesProtocol(maxBytes: number): Protocol<string, Notice> {
  return {
    open: () => new FrameCodec<string>({ maxBytes, role: 'server' }),
    answer: (message) => message,
    errorReply: (code, detail) => new ErrorReply(code, detail),
    // It also says that whatever is unanswered was not handled.
    farewell: () => GOAWAY,
  };
}
