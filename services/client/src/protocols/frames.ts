/** Frames and lines, in which a server says the same: replies, errors, and in frames goaway. */
import { ErrorReply, type Reply } from '@knock/shared/codec/codec';
import { FrameCodec, MAX_PAYLOAD_BYTES } from '@knock/shared/codec/frames';
import { LineCodec } from '@knock/shared/codec/lines';

import type { ClientProtocol, Meaning } from './protocol.ts';

/** After these the server ends the session, and has handled nothing behind the message that it refused. */
const FATAL_CODES = ['too_large', 'bad_frame', 'timeout', 'tls'];

/** `window`: how many messages may be unanswered at once. */
export function framesProtocol(window: number): ClientProtocol<Reply> {
  return { codec: new FrameCodec({ maxBytes: MAX_PAYLOAD_BYTES, role: 'client' }), window, meaningOf };
}

/** One message at a time: a server that is not Knock may take two lines that come together for one. */
export function textProtocol(): ClientProtocol<Reply> {
  return { codec: new LineCodec({ maxBytes: MAX_PAYLOAD_BYTES, role: 'client' }), window: 1, meaningOf };
}

function meaningOf(said: Reply, wasAnswered: boolean): Meaning {
  if (typeof said === 'string') return { outcome: { kind: 'replied', reply: said } };
  if (said instanceof ErrorReply) return meaningOfError(said);
  // Who is let in only to hear that the server leaves, and comes back at once, comes when the server closes its port: that
  // resets whoever waits in front of it, after having sent, and nobody knows then whether it was handled.
  const why = 'the server is leaving: send this again, another one may answer';
  return { ending: { why, next: wasAnswered ? 'soon' : 'later' } };
}

function meaningOfError({ code, detail }: ErrorReply): Meaning {
  if (code === 'busy') return { ending: { why: `busy: ${detail}`, next: 'later' } };
  const meaning: Meaning = { outcome: { kind: 'rejected', code, detail } };
  if (!FATAL_CODES.includes(code)) return meaning;
  return { ...meaning, ending: { why: `the server ended the conversation: ${code}`, next: 'soon' } };
}
