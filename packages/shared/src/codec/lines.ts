/**
 * Lines: what a person types, and what the article's client sends. A line ended by LF is a message (a CR before the
 * LF is dropped); until the first LF, a pause ends a message as well, and half-close always ends the last one.
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
  /** The longest line that is taken, in bytes, its end not counted. */
  maxBytes: number;
  /** Who decodes: the server's replies have no line end for a client that never sent one, since it waits for bytes. */
  role: 'server' | 'client';
}

export class LineCodec implements Codec<string, Notice> {
  readonly #maxBytes: number;
  readonly #role: 'server' | 'client';
  readonly #input: ReadBuffer;
  readonly #texts = new TextBatch();
  /** How many unread bytes were searched for an LF: a line that comes byte by byte is not searched again each time. */
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
    // What is unread may move, and its memory may be used again.
    this.#texts.close();
    this.#input.push(bytes);
  }

  /** Throws a {@link CodecError}: `too_large` is fatal, after `bad_utf8` decoding goes on. */
  next(): string | undefined {
    const { bytes, start, end } = this.#input;
    // Not beyond `end`, where there may be as much unused room as there are bytes.
    const used = end === bytes.length ? bytes : bytes.subarray(0, end);
    const lineEnd = used.indexOf(LF, start + this.#searched);
    if (lineEnd < 0) {
      this.#searched = end - start;
      this.#judgeLength(this.#withoutCr(end));
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
   * Throws a RangeError for a text that holds an LF, that ends in a CR which would be lost, or that is not well-formed. Text has
   * no word for leaving: the end of the stream says it.
   */
  encode(reply: Reply, out: WriteBuffer): void {
    if (typeof reply === 'string') this.#encodeText(reply, out);
    else if (reply instanceof ErrorReply) out.appendText(`error: ${reply.code}: ${reply.detail}\n`);
  }

  #encodeText(text: string, out: WriteBuffer): void {
    assertWellFormed(text);
    if (text.includes('\n')) throw new RangeError('the text holds a line feed, so it cannot be sent as one line');
    const bare = this.#role === 'server' && !this.#sawLineEnd;
    if (!bare && text.endsWith('\r')) {
      throw new RangeError('the text ends in a carriage return, which a line would lose');
    }
    out.appendText(text);
    if (!bare) out.appendText('\n');
  }

  /** The text from the first unread byte to `end`; reading goes on at `next`. */
  #take(end: number, next: number): string {
    const { bytes, start, end: available } = this.#input;
    this.#judgeLength(end);
    this.#input.start = next;
    this.#searched = 0;
    return this.#texts.decode(bytes, start, end, available);
  }

  /** Where a line that ends at `end` has its text end. */
  #withoutCr(end: number): number {
    return end > this.#input.start && this.#input.bytes[end - 1] === CR ? end - 1 : end;
  }

  #judgeLength(end: number): void {
    if (end - this.#input.start > this.#maxBytes) throw tooLarge('this line', this.#maxBytes);
  }
}
