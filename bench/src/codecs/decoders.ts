/** Our decoder and its peers, each used as its documentation shows, and all decoding to strings. */
import { once } from 'node:events';
import type { Transform } from 'node:stream';

import { FrameCodec, MAX_PAYLOAD_BYTES } from '@knock/shared/codec/frames';
import * as frameStream from 'frame-stream';
import { decode as decodeLengthPrefixed, type LengthDecoderFunction } from 'it-length-prefixed';
import * as lengthPrefixedStream from 'length-prefixed-stream';

import { frame } from '../frame.ts';

export interface Decoder {
  /** Encodes one message for this decoder. */
  frame: (text: string) => Buffer;
  /** Decodes a whole stream with a new decoder. */
  decode: (chunks: readonly Buffer[], hear: (text: string) => void) => void | Promise<void>;
}

const utf8 = new TextDecoder();
/** The header of a message is its length in 32 bits, since its kind is 0. */
const u32: LengthDecoderFunction = Object.assign((list: { getUint32(at: number): number }) => list.getUint32(0), {
  bytes: 4,
});

export const decoders: Record<string, Decoder> = {
  knock: {
    frame,
    decode(chunks, hear) {
      const codec = new FrameCodec<string>({ maxBytes: MAX_PAYLOAD_BYTES, role: 'server' });
      for (const chunk of chunks) {
        codec.push(chunk);
        for (let text = codec.next(); text !== undefined; text = codec.next()) hear(text);
      }
    },
  },
  'it-length-prefixed': {
    frame,
    decode(chunks, hear) {
      for (const list of decodeLengthPrefixed(chunks, { lengthDecoder: u32 })) hear(utf8.decode(list.subarray()));
    },
  },
  'length-prefixed-stream': {
    frame: (text) => lengthPrefixedStream.encode().end(text).read() as Buffer,
    decode: (chunks, hear) => decodeThrough(lengthPrefixedStream.decode(), chunks, hear),
  },
  'frame-stream': {
    frame,
    decode: (chunks, hear) => decodeThrough(frameStream.decode(), chunks, hear),
  },
};

/** Writes with back-pressure, as a pipe does. */
async function decodeThrough(decoder: Transform, chunks: readonly Buffer[], hear: (text: string) => void) {
  decoder.on('data', (bytes: Buffer) => hear(bytes.toString()));
  for (const chunk of chunks) if (!decoder.write(chunk)) await once(decoder, 'drain');
  decoder.end();
  await once(decoder, 'end');
}
