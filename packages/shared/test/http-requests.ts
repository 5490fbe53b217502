/** Drives an HttpCodec as a session does: pushes pieces, answers each request, and records what was decoded. */
import { HttpError } from '../src/codec/http/http-error.ts';
import { HttpCodec } from '../src/codec/http/request-codec.ts';
import type { HttpRequest } from '../src/codec/http/request.ts';
import { WriteBuffer } from '../src/codec/write-buffer.ts';

export const MAX_BODY_BYTES = 1000;

/** A request, without the one thing that depends on the cut: whether part of the body came with the head. */
export interface Decoded {
  line: string;
  path: string;
  query: string;
  host: string | undefined;
  names: string[];
  values: string[];
  keepAlive: boolean;
  /** Undefined: only the head was decoded. */
  body: string | undefined;
}

export interface DecodingResult {
  decoded: Decoded[];
  failure?: { status: number; detail: string; code: string };
  over: boolean;
  hasPartial: boolean;
}

/** Latin-1: one byte per character. */
export const bytesOf = (text: string) => Buffer.from(text, 'latin1');
export const oneByOne = (bytes: Buffer) => Array.from(bytes, (byte) => Buffer.of(byte));

/** `answersHeads`: requests with a body are answered before the body is complete. */
export function decodeAll(pieces: Buffer[], { answersHeads = false } = {}): DecodingResult {
  const codec = new HttpCodec({ maxBodyBytes: MAX_BODY_BYTES });
  const out = new WriteBuffer();
  const decoded: Decoded[] = [];
  const decodeNext = () => {
    const request = codec.next();
    if (request === undefined) return false;
    decoded.push(describe(request));
    if (request.complete || answersHeads) codec.encode('ok', out);
    // Returns its memory to the pool: fuzz tests call this a million times.
    out.drop();
    return true;
  };
  try {
    for (const piece of pieces) {
      codec.push(piece);
      while (decodeNext());
    }
    const { over, hasPartial } = codec;
    codec.end();
    return { decoded, over, hasPartial };
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    const { status, message: detail, code } = error;
    return { decoded, failure: { status, detail, code }, over: codec.over, hasPartial: codec.hasPartial };
  }
}

/** Only the end of a long text is sent byte by byte: that is where it passes a limit. */
const SLOW_BYTES = 1000;

/** Decodes the bytes in one piece and byte by byte. Throws if the results differ. */
export function decodeText(text: string): DecodingResult {
  const whole = decodeAll([bytesOf(text)]);
  const slow = decodeAll([bytesOf(text.slice(0, -SLOW_BYTES)), ...oneByOne(bytesOf(text.slice(-SLOW_BYTES)))]);
  if (JSON.stringify(whole) !== JSON.stringify(slow)) {
    throw new Error(`the cut matters: ${JSON.stringify(whole)} and ${JSON.stringify(slow)}`);
  }
  return whole;
}

/** Status and detail of the error at the end, if there is one. */
export function failureOf(text: string): string | undefined {
  const { failure } = decodeText(text);
  return failure && `${failure.status} ${failure.detail}`;
}

function describe(request: HttpRequest): Decoded {
  const { method, target, version, path, query, host, fields, keepAlive, complete, body } = request;
  return {
    line: `${method} ${target} ${version}`,
    path,
    query,
    host,
    names: [...fields.names],
    values: [...fields.values],
    keepAlive,
    body: complete ? body.toString('latin1') : undefined,
  };
}
