import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { encoded } from '../../test/encoded.ts';
import { CodecError, GOAWAY, ErrorReply, type Reply } from './codec.ts';
import { FrameCodec, HEADER_BYTES, MAX_PAYLOAD_BYTES } from './frames.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const LIMIT = 8;
const HELLO = '00 00 00 0d 48 65 6c 6c 6f 2c 20 73 65 72 76 65 72';

type Role = 'client' | 'server';

interface Fault {
  code: string;
  fatal: boolean;
  detail: string;
}

/** Bytes from hexadecimal digits; spaces are ignored. */
const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const byteByByte = (bytes: Buffer) => Array.from(bytes, (byte) => Buffer.of(byte));
const clients = (maxBytes = LIMIT) => new FrameCodec<string>({ maxBytes, role: 'server' });
const servers = (maxBytes = LIMIT) => new FrameCodec({ maxBytes, role: 'client' });
const fatal = (code: string): Fault => ({ code, fatal: true, detail: expect.any(String) });
const passing = (code: string): Fault => ({ code, fatal: false, detail: expect.any(String) });

/** The result of a step, or the error that it throws. */
function outcome(step: () => Reply | undefined): Reply | Fault | undefined {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { code: error.code, fatal: error.fatal, detail: error.message };
  }
}

/** Decodes as a session does: everything that is complete after each piece, and nothing after a fatal error. */
function decode(codec: FrameCodec, pieces: Buffer[]) {
  const heard: (Reply | Fault)[] = [];
  for (const piece of pieces) {
    codec.push(piece);
    for (let next = outcome(() => codec.next()); next !== undefined; next = outcome(() => codec.next())) {
      heard.push(next);
      if (typeof next === 'object' && 'fatal' in next && next.fatal) return { heard };
      if (heard.length > 1000) throw new Error('the decoder makes no progress');
    }
  }
  return { heard, hasPartial: codec.hasPartial, end: outcome(() => codec.end()) };
}

interface DecodeOptions {
  role?: Role;
  /** The error at the end of the stream; by default none. */
  end?: Fault;
}

/** Two tests: the bytes in one piece, and byte by byte. */
function decodes(name: string, bytes: Buffer, heard: (Reply | Fault)[], { role = 'server', end }: DecodeOptions = {}) {
  const last = heard.at(-1);
  const stops = typeof last === 'object' && 'fatal' in last && last.fatal;
  const expected = stops ? { heard } : { heard, hasPartial: end !== undefined, end };
  const cuts = { whole: (whole: Buffer) => [whole], 'byte by byte': byteByByte };
  for (const [how, cut] of Object.entries(cuts)) {
    test(`${name} (${how})`, () => {
      expect(decode(new FrameCodec({ maxBytes: LIMIT, role }), cut(bytes))).toStrictEqual(expected);
    });
  }
}

const fromServer: DecodeOptions = { role: 'client' };

decodes('decodes nothing from no bytes', hex(''), []);
decodes('decodes a message', hex('00 00 00 05 48 65 6c 6c 6f'), ['Hello']);
decodes('decodes an empty payload as an empty message', hex('00 00 00 00'), ['']);
decodes('decodes two frames that came glued', hex('00 00 00 01 61  00 00 00 02 62 63'), ['a', 'bc']);
decodes('decodes an empty frame between two others', hex('00 00 00 01 61  00 00 00 00  00 00 00 01 62'), [
  'a',
  '',
  'b',
]);
decodes('decodes a message of exactly the limit', hex('00 00 00 08 61 61 61 61 61 61 61 61'), ['aaaaaaaa']);
decodes('rejects a frame above the limit from its header alone', hex('00 00 00 09'), [fatal('too_large')]);
decodes('rejects the largest length that a header can hold', hex('00 ff ff ff'), [fatal('too_large')]);
decodes('reads the high byte of a length', hex('00 01 00 00'), [fatal('too_large')]);
decodes('reads the middle byte of a length', hex('00 00 01 00'), [fatal('too_large')]);
decodes('decodes what came before a frame above the limit', hex('00 00 00 01 61  00 00 00 09'), [
  'a',
  fatal('too_large'),
]);
decodes('rejects an error reply from a client by its first byte', hex('01'), [fatal('bad_frame')]);
decodes('rejects a goaway from a client by its first byte', hex('02'), [fatal('bad_frame')]);
decodes('rejects an unknown kind from a client by its first byte', hex('7f'), [fatal('bad_frame')]);
decodes('rejects a wrong kind behind a message', hex('00 00 00 01 61  48'), ['a', fatal('bad_frame')]);
decodes('checks the kind before the length', hex('7f ff ff ff'), [fatal('bad_frame')]);
decodes('rejects an unknown kind from a server by its first byte', hex('03'), [fatal('bad_frame')], fromServer);

decodes('decodes a message from a server', hex('00 00 00 02 6f 6b'), ['ok'], fromServer);
decodes('decodes an error reply', hex('01 00 00 07 62 75 73 79 3a 20 78'), [new ErrorReply('busy', 'x')], fromServer);
decodes(
  'decodes an error reply without a detail',
  hex('01 00 00 04 62 75 73 79'),
  [new ErrorReply('busy', '')],
  fromServer,
);
decodes('decodes an empty error reply', hex('01 00 00 00'), [new ErrorReply('', '')], fromServer);
decodes(
  'splits an error reply at its first colon and space',
  hex('01 00 00 08 61 3a 20 62 3a 20 63 3a'),
  [new ErrorReply('a', 'b: c:')],
  fromServer,
);
decodes('decodes a goaway', hex('02 00 00 00'), [GOAWAY], fromServer);
decodes(
  'decodes a message, an error reply and a goaway that came glued',
  hex('00 00 00 02 6f 6b  01 00 00 07 62 75 73 79 3a 20 78  02 00 00 00'),
  ['ok', new ErrorReply('busy', 'x'), GOAWAY],
  fromServer,
);
decodes('rejects a goaway with a payload', hex('02 00 00 01 61'), [fatal('bad_frame')], fromServer);
decodes('limits error replies as well', hex('01 00 00 09'), [fatal('too_large')], fromServer);
decodes(
  'skips an error reply that is not UTF-8',
  hex('01 00 00 01 ff 00 00 00 00'),
  [passing('bad_utf8'), ''],
  fromServer,
);

decodes('continues after a frame that is not UTF-8', hex('00 00 00 01 61  00 00 00 02 c3 28  00 00 00 01 62'), [
  'a',
  passing('bad_utf8'),
  'b',
]);
decodes('rejects a character that is cut by the end of its frame', hex('00 00 00 01 c3  00 00 00 01 a9'), [
  passing('bad_utf8'),
  passing('bad_utf8'),
]);
decodes('decodes a replacement character that was really sent', hex('00 00 00 03 ef bf bd'), ['\uFFFD']);
decodes('keeps a byte order mark', hex('00 00 00 04 ef bb bf 61'), ['\uFEFFa']);
decodes('decodes characters of two, three and four bytes', hex('00 00 00 05 c3 a9 e2 82 ac 00 00 00 04 f0 9f 98 80'), [
  'é€',
  '😀',
]);
decodes('decodes a NUL, a CR and an LF as they are', hex('00 00 00 03 00 0d 0a'), ['\0\r\n']);

decodes('rejects an end inside a header', hex('00 00 00'), [], { end: fatal('bad_frame') });
decodes('rejects an end behind a header', hex('00 00 00 01'), [], { end: fatal('bad_frame') });
decodes('rejects an end inside a payload', hex('00 00 00 01 61  00 00 00 02 62'), ['a'], { end: fatal('bad_frame') });
decodes('rejects an end inside a frame after one that is not UTF-8', hex('00 00 00 01 ff 00'), [passing('bad_utf8')], {
  end: fatal('bad_frame'),
});

test('encodes the article’s message as the 17 bytes of the specification', () => {
  expect(encoded(clients(), 'Hello, server')).toEqual(hex(HELLO));
  expect(decode(clients(13), [hex(HELLO)])).toStrictEqual({
    heard: ['Hello, server'],
    hasPartial: false,
    end: undefined,
  });
});

test('decodes a payload of the largest length that 24 bits can announce', () => {
  const text = 'a'.repeat(MAX_PAYLOAD_BYTES);
  const frame = encoded(clients(), text);
  expect(frame.subarray(0, HEADER_BYTES)).toEqual(hex('00 ff ff ff'));
  const codec = clients(MAX_PAYLOAD_BYTES);
  codec.push(frame);
  // Not toBe(text): a diff of two texts of 16 MiB takes minutes.
  expect(codec.next() === text).toBe(true);
});

test('refuses to encode a text longer than 24 bits can announce', () => {
  expect(() => encoded(clients(), 'a'.repeat(MAX_PAYLOAD_BYTES + 1))).toThrow(RangeError);
});

test('counts bytes, not characters, when it refuses to encode', () => {
  expect(() => encoded(clients(), 'é'.repeat((MAX_PAYLOAD_BYTES + 1) / 2))).toThrow(/16777216 bytes/);
});

test('refuses to encode half a surrogate pair', () => {
  expect(() => encoded(clients(), 'a\uD83D')).toThrow(RangeError);
  expect(() => encoded(servers(), new ErrorReply('failed', '\uDE00'))).toThrow(RangeError);
});

test('encodes an error reply as its code, a colon, a space and its detail', () => {
  expect(encoded(servers(), new ErrorReply('busy', 'full'))).toEqual(hex('01 00 00 0a 62 75 73 79 3a 20 66 75 6c 6c'));
});

test('encodes a goaway as a bare header', () => {
  expect(encoded(servers(), GOAWAY)).toEqual(hex('02 00 00 00'));
});

test('measures the limit in bytes', () => {
  expect(decode(clients(3), [encoded(clients(), 'éé')]).heard).toEqual([fatal('too_large')]);
  expect(decode(clients(4), [encoded(clients(), 'éé')]).heard).toEqual(['éé']);
});

test('says what is wrong and what to do', () => {
  const detail = (codec: FrameCodec, digits: string) => decode(codec, [hex(digits)]).heard.at(-1);
  expect(detail(clients(), '02')).toMatchObject({ detail: 'unexpected frame kind 2: clients send only kind 0' });
  expect(detail(servers(), '48')).toMatchObject({ detail: 'unexpected frame kind 72: the kinds are 0, 1 and 2' });
  expect(detail(clients(), '00 00 00 09')).toMatchObject({
    detail:
      'a message of 9 bytes exceeds the limit of 8 bytes: send less, or ask the operator to raise MAX_MESSAGE_BYTES',
  });
  expect(decode(clients(), [hex('00 00 00 01 61 00 00 00')]).end).toMatchObject({
    detail: 'the stream ended inside a frame, after 3 bytes of it',
  });
});

test('holds part of a frame from its first byte until its last', () => {
  const codec = clients();
  const hasPartial = byteByByte(hex('00 00 00 01 61')).map((byte) => {
    codec.push(byte);
    codec.next();
    return codec.hasPartial;
  });
  expect(hasPartial).toEqual([true, true, true, true, false]);
});

test('never ends a message at a pause', () => {
  const codec = clients();
  expect(codec.idleEndsMessage).toBe(false);
  codec.push(hex('00 00 00 01'));
  expect(codec.idleEndsMessage).toBe(false);
});

test.each([
  ['all', '00 00 00 01 61', false],
  ['all but a few bytes', '00 00 00 08 61 61 61 61 61 61 61 61  00', true],
])('releases a chunk after reading %s', async (_, digits, hasPartial) => {
  const codec = clients();
  const chunk = new WeakRef(hex(digits));
  codec.push(chunk.deref()!);
  while (codec.next() !== undefined);
  // A dereferenced WeakRef keeps its target alive until the job ends.
  await setImmediate();
  collectGarbage();
  expect(chunk.deref()).toBeUndefined();
  // Using the codec here proves that it was not collected together with the chunk.
  expect(codec.hasPartial).toBe(hasPartial);
});

/** Any code point that UTF-8 can encode. (The unit `binary` is the same, but takes a second to build.) */
const anyCharacter = fc
  .oneof(fc.nat({ max: 0xd7_ff }), fc.integer({ min: 0xe0_00, max: 0x10_ff_ff }))
  .map((codePoint) => String.fromCodePoint(codePoint));
const anyText = fc.oneof(fc.string({ unit: anyCharacter }), fc.string({ unit: 'grapheme' }));
const anyCut = fc.array(fc.nat(), { maxLength: 12 });

/** Cuts at the positions. Pieces may be empty. */
function cutAt(bytes: Buffer, positions: number[]): Buffer[] {
  const sorted = positions.map((position) => position % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...sorted, bytes.length].map((position, index) => bytes.subarray(sorted[index - 1] ?? 0, position));
}

test('decodes any well-formed text that it encoded', () => {
  const roundTrip = fc.property(anyText, (text) => {
    expect(decode(clients(1000), [encoded(clients(), text)]).heard).toEqual([text]);
  });
  fc.assert(roundTrip, { numRuns: 1000 });
});

test('decodes any messages, however their frames are cut', () => {
  const alike = fc.property(fc.array(anyText), anyCut, (texts, positions) => {
    const stream = Buffer.concat(texts.map((text) => encoded(clients(), text)));
    const expected = { heard: texts, hasPartial: false, end: undefined };
    expect(decode(clients(1000), cutAt(stream, positions))).toStrictEqual(expected);
    expect(decode(clients(1000), byteByByte(stream))).toStrictEqual(expected);
  });
  fc.assert(alike, { numRuns: 300 });
});

test('decodes anything that a server can send, however it is cut', () => {
  const code = fc.constantFrom('bad_frame', 'bad_utf8', 'busy', 'failed', 'timeout', 'too_large', 'from:later', '');
  const anyReply = fc.oneof(
    anyText,
    fc.tuple(code, anyText).map((parts) => new ErrorReply(...parts)),
    fc.constant(GOAWAY),
  );
  const alike = fc.property(fc.array(anyReply), anyCut, (replies, positions) => {
    const stream = Buffer.concat(replies.map((one) => encoded(servers(), one)));
    expect(decode(servers(1000), cutAt(stream, positions)).heard).toStrictEqual(replies);
  });
  fc.assert(alike, { numRuns: 300 });
});

const shortText = fc.string({ unit: anyCharacter, maxLength: 3 }).map((text) => Buffer.from(text));

/** Valid frames, nearly valid ones, and noise. */
const anyBytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.tuple(fc.constantFrom(0, 0, 0, 0, 1, 2, 3), fc.uint8Array({ maxLength: LIMIT + 1 })).map(frameOf),
      fc.tuple(fc.constantFrom(0, 0, 1, 2), shortText).map(frameOf),
    ),
    { maxLength: 5 },
  )
  .map((parts) => Buffer.concat(parts));

function frameOf([kind, payload]: [number, Uint8Array]): Buffer {
  return Buffer.concat([Buffer.of(kind, 0, 0, payload.length), payload]);
}

test.each<Role>(['server', 'client'])('decodes any bytes the same way as a %s, however they are cut', (role) => {
  const alike = fc.property(anyBytes, anyCut, (bytes, positions) => {
    const whole = decode(new FrameCodec({ maxBytes: LIMIT, role }), [bytes]);
    const before = bytes.toString('hex');
    expect(decode(new FrameCodec({ maxBytes: LIMIT, role }), cutAt(bytes, positions))).toStrictEqual(whole);
    expect(decode(new FrameCodec({ maxBytes: LIMIT, role }), byteByByte(bytes))).toStrictEqual(whole);
    expect(bytes.toString('hex')).toBe(before);
  });
  fc.assert(alike, { numRuns: 2000 });
});
