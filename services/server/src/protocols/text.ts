/** Lines of text, as people type them in nc. */
import { type Notice, ErrorReply } from '@knock/shared/codec/codec';
import { LineCodec } from '@knock/shared/codec/lines';

import type { Protocol } from './protocol.ts';

/** `maxBytes`: the longest line, in bytes. */
export function textProtocol(maxBytes: number): Protocol<string, Notice> {
  return {
    open: () => new LineCodec({ maxBytes, role: 'server' }),
    answer: (message) => message,
    errorReply: (code, detail) => new ErrorReply(code, detail),
    // Text has no goaway: the end of the stream says it.
    farewell: () => undefined,
  };
}
