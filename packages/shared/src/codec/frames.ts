/**
 * Frames: a length prefix delimits the messages in a stream of bytes (message framing). Specified in `docs/protocol.md`.
 *
 *      0        1                          4
 *     +--------+--------------------------+----------------------+
 *     |  kind  |  length, big-endian u24  |  payload, `length` B |
 *     +--------+--------------------------+----------------------+
 */
import { type Codec, CodecError, GOAWAY, type Notice, ErrorReply, type Reply, tooLarge } from './codec.ts';
import { ReadBuffer } from './read-buffer.ts';
import { TextBatch } from './text-batch.ts';
import { assertWellFormed } from './utf8.ts';
import type { WriteBuffer } from './write-buffer.ts';

const MESSAGE = 0;
const ERROR = 1;
const GOAWAY_KIND = 2;

export const HEADER_BYTES = 4;

/** The largest payload that 24 bits can announce. */
export const MAX_PAYLOAD_BYTES = 0xff_ff_ff;

interface FrameCodecOptions {
  /** The largest payload that is accepted, in bytes; at most {@link MAX_PAYLOAD_BYTES}. */
  maxBytes: number;
  /** The end that decodes: only a server may send error replies and goaways. */
  role: 'client' | 'server';
}

/** `In` is `string` for frames from a client. */
export class FrameCodec<In extends Reply = Reply> implements Codec<In, Notice> {
  readonly idleEndsMessage = false;
  readonly #maxBytes: number;
  readonly #highestKind: number;
  readonly #input: ReadBuffer;
  readonly #texts = new TextBatch();

  constructor({ maxBytes, role }: FrameCodecOptions) {
    this.#maxBytes = maxBytes;
    this.#highestKind = role === 'server' ? MESSAGE : GOAWAY_KIND;
    this.#input = new ReadBuffer(HEADER_BYTES + maxBytes, { reuses: true });
  }

  get hasPartial(): boolean {
    return this.#input.length > 0;
  }

  push(bytes: Buffer): void {
    // The unread bytes may move, and their memory may be reused.
    this.#texts.close();
    this.#input.push(bytes);
  }

  /** Throws a {@link CodecError}: `bad_frame` and `too_large` are fatal, `bad_utf8` is not. */
  next(): In | undefined {
    const input = this.#input;
    const { bytes, start } = input;
    const kind = bytes[start];
    if (input.length > 0 && kind! > this.#highestKind) throw this.#badKind(kind!);
    if (input.length < HEADER_BYTES) return this.#needMore();

    // The header alone decides: a frame that is too large is rejected before anything is allocated or awaited.
    // (Not `readUIntBE`: its argument checks took 1 % of all time.)
    const length = (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!;
    if (length > this.#maxBytes) throw tooLarge(`a message of ${length} bytes`, this.#maxBytes);
    if (input.length < HEADER_BYTES + length) return this.#needMore(HEADER_BYTES + length);

    input.start += HEADER_BYTES + length;
    input.expectedLength = 0;
    const text = this.#texts.decode(bytes, start + HEADER_BYTES, input.start, input.end);
    return (kind === MESSAGE ? text : decodeNotice(kind!, text)) as In;
  }

  end(): undefined {
    if (!this.hasPartial) return undefined;
    throw new CodecError('bad_frame', `the stream ended inside a frame, after ${this.#input.length} bytes of it`, {
      fatal: true,
    });
  }

  /** Throws a RangeError for a text that is not well-formed or longer than {@link MAX_PAYLOAD_BYTES} bytes. */
  encode(reply: Reply, out: WriteBuffer): void {
    if (typeof reply === 'string') encodeFrame(MESSAGE, reply, out);
    else if (reply instanceof ErrorReply) encodeFrame(ERROR, `${reply.code}: ${reply.detail}`, out);
    else encodeFrame(GOAWAY_KIND, '', out);
  }

  #needMore(expected = 0): undefined {
    this.#texts.close();
    this.#input.expectedLength = expected;
    this.#input.compact();
    return undefined;
  }

  #badKind(kind: number): CodecError {
    const known = this.#highestKind === MESSAGE ? 'clients send only kind 0' : 'the kinds are 0, 1 and 2';
    return new CodecError('bad_frame', `unexpected frame kind ${kind}: ${known}`, { fatal: true });
  }
}

function encodeFrame(kind: number, text: string, out: WriteBuffer): void {
  assertWellFormed(text);
  const start = out.length;
  out.reserve(HEADER_BYTES);
  out.length += HEADER_BYTES;
  const length = out.appendText(text);
  if (length > MAX_PAYLOAD_BYTES) {
    out.length = start;
    throw new RangeError(`a text of ${length} bytes exceeds the limit of a frame, ${MAX_PAYLOAD_BYTES} bytes`);
  }
  const { bytes } = out;
  bytes[start] = kind;
  bytes[start + 1] = length >>> 16;
  bytes[start + 2] = length >>> 8;
  bytes[start + 3] = length;
}

function decodeNotice(kind: number, text: string): Reply {
  if (kind === GOAWAY_KIND) {
    if (text === '') return GOAWAY;
    throw new CodecError('bad_frame', 'a goaway must have no payload', { fatal: true });
  }
  const colon = text.indexOf(': ');
  return colon < 0 ? new ErrorReply(text, '') : new ErrorReply(text.slice(0, colon), text.slice(colon + 2));
}
