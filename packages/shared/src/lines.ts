/**
 * Lines: what a person types, and what the article's client sends. A line ended by LF is a message (a CR before the
 * LF is dropped); until the first LF, a pause ends a message as well, and half-close always ends the last one.
 */
import { type Codec, CodecError, type Refusal } from './codec.ts';
import { Unread } from './unread.ts';
import { assertWellFormed, decodeUtf8 } from './utf8.ts';

const LF = 0x0a;
const CR = 0x0d;
const LINE_END_BYTES = 2;
const NOTHING = Buffer.alloc(0);

interface LineCodecOptions {
  /** The longest line that is taken, in bytes, its end not counted. */
  maxBytes: number;
  /** Who decodes: the server's replies have no line end for a caller that never sent one, since it waits for bytes. */
  side: 'server' | 'client';
}

export class LineCodec implements Codec<string> {
  readonly #maxBytes: number;
  readonly #side: 'server' | 'client';
  readonly #unread: Unread;
  /** How many unread bytes were searched for an LF: a line that comes byte by byte is not searched again each time. */
  #searched = 0;
  #heardLineEnd = false;

  constructor({ maxBytes, side }: LineCodecOptions) {
    this.#maxBytes = maxBytes;
    this.#side = side;
    this.#unread = new Unread(maxBytes + LINE_END_BYTES);
  }

  get unfinished(): boolean {
    return this.#unread.length > 0;
  }

  get endsByPause(): boolean {
    return this.unfinished && !this.#heardLineEnd;
  }

  push(bytes: Buffer): void {
    this.#unread.push(bytes);
  }

  /** Throws a {@link CodecError}: `too_large` is fatal, after `bad_utf8` decoding goes on. */
  next(): string | undefined {
    const unread = this.#unread;
    const lineEnd = unread.bytes.indexOf(LF, unread.start + this.#searched);
    if (lineEnd < 0 || lineEnd >= unread.end) {
      this.#searched = unread.length;
      this.#judgeLength(unread.end);
      unread.tidy();
      return undefined;
    }
    this.#heardLineEnd = true;
    return this.#take(lineEnd, lineEnd + 1);
  }

  end(): string | undefined {
    return this.unfinished ? this.#take(this.#unread.end, this.#unread.end) : undefined;
  }

  /** Throws a RangeError for a text that holds an LF or is not well-formed. */
  encodeMessage(text: string): Buffer {
    assertWellFormed(text);
    if (text.includes('\n')) throw new RangeError('the text holds a line feed, so it cannot be sent as one line');
    const bare = this.#side === 'server' && !this.#heardLineEnd;
    return Buffer.from(bare ? text : `${text}\n`);
  }

  encodeRefusal({ code, sentence }: Refusal): Buffer {
    return Buffer.from(`error: ${code}: ${sentence}\n`);
  }

  /** Text has no word for leaving: the end of the stream says it. */
  encodeGoaway(): Buffer {
    return NOTHING;
  }

  /** The text from the first unread byte to `end`; reading goes on at `next`. */
  #take(end: number, next: number): string {
    const { bytes, start } = this.#unread;
    this.#judgeLength(end);
    this.#unread.start = next;
    this.#searched = 0;
    const endsInCr = next > end && end > start && bytes[end - 1] === CR;
    return decodeUtf8(bytes, start, endsInCr ? end - 1 : end);
  }

  #judgeLength(end: number): void {
    const { bytes, start } = this.#unread;
    const mayEndInCr = end > start && bytes[end - 1] === CR;
    if (end - start - (mayEndInCr ? 1 : 0) <= this.#maxBytes) return;
    throw new CodecError('too_large', `a line of more than ${this.#maxBytes} bytes is above the limit`, {
      fatal: true,
    });
  }
}
