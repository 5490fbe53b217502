/** Frames and text: both carry replies and error replies, frames also goaway. */
import { ErrorReply, type Reply } from '@knock/shared/codec/codec';
import { FrameCodec, MAX_PAYLOAD_BYTES } from '@knock/shared/codec/frames';
import { LineCodec } from '@knock/shared/codec/lines';
import { excerpt } from '@knock/shared/log/excerpt';

import type { ClientProtocol, Meaning } from './protocol.ts';

/** Errors that end the session. The server has handled nothing after the message that it rejects with one of these. */
const FATAL_CODES = ['too_large', 'bad_frame', 'tls'];
/** Errors after which no unanswered message was handled, including the one that this error answers. */
const NOT_HANDLED_CODES = ['busy', 'timeout'];

/** An error reply as a line: one of Knock's own codes, and what it says. */
const ERROR_LINE = /^error: (?<code>bad_frame|bad_utf8|busy|failed|timeout|tls|too_large): (?<detail>.*)$/;

/** `window`: how many messages may be unanswered at once. */
export function framesProtocol(window: number): ClientProtocol<Reply> {
  return { codec: new FrameCodec({ maxBytes: MAX_PAYLOAD_BYTES, role: 'client' }), window, meaningOf };
}

/** One message at a time: a server that is not Knock may read two lines that arrive together as one. `raw`: no line is an error. */
export function textProtocol({ raw }: { raw: boolean }): ClientProtocol<string> {
  return {
    codec: new LineCodec({ maxBytes: MAX_PAYLOAD_BYTES, role: 'client' }),
    window: 1,
    meaningOf: (line, wasAnswered) => meaningOf(raw ? line : parseLine(line), wasAnswered),
  };
}

function parseLine(line: string): Reply {
  const { code, detail } = ERROR_LINE.exec(line)?.groups ?? {};
  return code === undefined ? line : new ErrorReply(code, detail!);
}

function meaningOf(reply: Reply, wasAnswered: boolean): Meaning {
  if (typeof reply === 'string') return { outcome: { kind: 'replied', reply } };
  if (reply instanceof ErrorReply) return meaningOfError(reply);
  const why = 'the server closed this connection before handling the message (goaway): safe to resend';
  // A goaway as the first answer comes from a server that drains, or to an idle client. To reconnect at once could hit the
  // listener while it closes, and a reset would leave the message unknown: so back off for longer.
  return { ending: { why, next: wasAnswered ? 'soon' : 'later' } };
}

function meaningOfError({ code, detail }: ErrorReply): Meaning {
  const why = `${code}: ${excerpt(detail)}`;
  if (NOT_HANDLED_CODES.includes(code)) return { ending: { why, next: code === 'busy' ? 'later' : 'soon' } };
  // The handler began, and may have done something before it failed.
  if (code === 'failed') return { outcome: { kind: 'unknown', why }, final: true };
  const meaning: Meaning = { outcome: { kind: 'rejected', code, detail } };
  return FATAL_CODES.includes(code)
    ? { ...meaning, ending: { why: `the server ended the session: ${why}`, next: 'soon' } }
    : meaning;
}
