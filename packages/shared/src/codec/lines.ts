/**
 * Lines: what a person types, and what the article's client sends. LF ends a message (a CR before it is dropped), and so
 * does half-close. Until the first LF, a pause ends a message too.
 */
import { type Codec, type Notice, ErrorReply, type Reply, tooLarge } from './codec.ts';
import { ReadBuffer } from './read-buffer.ts';
import { TextBatch } from './text-batch.ts';
import { assertWellFormed } from './utf8.ts';
import type { WriteBuffer } from './write-buffer.ts';

const LF = 0x0a;
const CR = 0x0d;
const LINE_END_BYTES = 2;

interface LineCodecOptions {
  /** The longest line that is accepted, in bytes, without its line end. */
  maxBytes: number;
  /** The end that decodes. A server sends no line end to a client that never sent one. */
  role: 'server' | 'client';
}

export class LineCodec implements Codec<string, Notice> {
  readonly #maxBytes: number;
  readonly #role: 'server' | 'client';
  readonly #input: ReadBuffer;
  readonly #texts = new TextBatch();
  /** How many bytes were already searched for LF: a line that comes byte by byte is searched only once. */
  #searched = 0;
  #sawLineEnd = false;

  constructor({ maxBytes, role }: LineCodecOptions) {
    this.#maxBytes = maxBytes;
    this.#role = role;
    this.#input = new ReadBuffer(maxBytes + LINE_END_BYTES, { reuses: true });
  }

  get hasPartial(): boolean {
    return this.#input.length > 0;
  }

  get idleEndsMessage(): boolean {
    return this.hasPartial && !this.#sawLineEnd;
  }

  push(bytes: Buffer): void {
    // The unread bytes may move, and their memory may be reused.
    this.#texts.close();
    this.#input.push(bytes);
  }

  /** Throws a {@link CodecError}: `too_large` is fatal, `bad_utf8` is not. */
  next(): string | undefined {
    const { bytes, start, end } = this.#input;
    // Not beyond `end`: the buffer may have as much unused room as bytes.
    const used = end === bytes.length ? bytes : bytes.subarray(0, end);
    const lineEnd = used.indexOf(LF, start + this.#searched);
    if (lineEnd < 0) {
      this.#searched = end - start;
      this.#checkLength(this.#withoutCr(end));
      this.#texts.close();
      this.#input.compact();
      return undefined;
    }
    this.#sawLineEnd = true;
    return this.#take(this.#withoutCr(lineEnd), lineEnd + 1);
  }

  end(): string | undefined {
    return this.hasPartial ? this.#take(this.#input.end, this.#input.end) : undefined;
  }

  /**
   * Throws a RangeError for a text that contains LF, ends in a CR that would be lost, or is not well-formed. A goaway is no
   * bytes: in text only the end of the stream tells it.
   */
  encode(reply: Reply, out: WriteBuffer): void {
    if (typeof reply === 'string') this.#encodeText(reply, out);
    else if (reply instanceof ErrorReply) out.appendText(`error: ${reply.code}: ${reply.detail}\n`);
  }

  #encodeText(text: string, out: WriteBuffer): void {
    assertWellFormed(text);
    if (text.includes('\n'))
      throw new RangeError('text with a line feed (LF) cannot be sent as one line: remove it, or use frames');
    const bare = this.#role === 'server' && !this.#sawLineEnd;
    if (!bare && text.endsWith('\r')) {
      throw new RangeError(
        'the text ends in a carriage return (CR), which the other end would drop: remove it, or use frames',
      );
    }
    out.appendText(text);
    if (!bare) out.appendText('\n');
  }

  /** Takes the text from the first unread byte to `end`. The next line starts at `next`. */
  #take(end: number, next: number): string {
    const { bytes, start, end: available } = this.#input;
    this.#checkLength(end);
    this.#input.start = next;
    this.#searched = 0;
    return this.#texts.decode(bytes, start, end, available);
  }

  /** The end of the line's text, without a CR before `end`. */
  #withoutCr(end: number): number {
    return end > this.#input.start && this.#input.bytes[end - 1] === CR ? end - 1 : end;
  }

  #checkLength(end: number): void {
    if (end - this.#input.start > this.#maxBytes) throw tooLarge('this line', this.#maxBytes);
  }
}
