/** Frames: a header of four bytes before each message. `docs/protocol.md` is the specification. */
import { GOAWAY, type Notice, ErrorReply } from '@knock/shared/codec/codec';
import { FrameCodec } from '@knock/shared/codec/frames';

import type { Protocol } from './protocol.ts';

/** `maxBytes`: the largest message, in bytes. */
export function framesProtocol(maxBytes: number): Protocol<string, Notice> {
  return {
    open: () => new FrameCodec<string>({ maxBytes, role: 'server' }),
    answer: (message) => message,
    errorReply: (code, detail) => new ErrorReply(code, detail),
    // Goaway also means: no unanswered message was handled.
    farewell: () => GOAWAY,
  };
}
