import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { encoded } from '../../test/encoded.ts';
import { CodecError, GOAWAY, ErrorReply } from './codec.ts';
import { LineCodec } from './lines.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const LIMIT = 4;

interface Fault {
  code: string;
  fatal: boolean;
  detail: string;
}

const byteByByte = (bytes: Buffer) => Array.from(bytes, (byte) => Buffer.of(byte));
const server = (maxBytes = LIMIT) => new LineCodec({ maxBytes, role: 'server' });
const client = (maxBytes = LIMIT) => new LineCodec({ maxBytes, role: 'client' });
const tooLarge: Fault = {
  code: 'too_large',
  fatal: true,
  detail: 'this line exceeds the limit of 4 bytes: send less, or ask the operator to raise MAX_MESSAGE_BYTES',
};
const badUtf8: Fault = {
  code: 'bad_utf8',
  fatal: false,
  detail: 'not valid UTF-8: send UTF-8, and Base64-encode binary data',
};

/** The result of a step, or the error that it throws. */
function outcome(step: () => string | undefined): string | Fault | undefined {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { code: error.code, fatal: error.fatal, detail: error.message };
  }
}

/** Decodes as a session does: everything that is complete after each piece, and nothing after a fatal error. */
function decode(codec: LineCodec, pieces: Buffer[]) {
  const heard: (string | Fault)[] = [];
  for (const piece of pieces) {
    codec.push(piece);
    for (let next = outcome(() => codec.next()); next !== undefined; next = outcome(() => codec.next())) {
      heard.push(next);
      if (typeof next === 'object' && next.fatal) return { heard };
      if (heard.length > 1000) throw new Error('the decoder makes no progress');
    }
  }
  const { hasPartial, idleEndsMessage } = codec;
  return { heard, hasPartial, idleEndsMessage, end: outcome(() => codec.end()) };
}

/** Two tests: the bytes (as Latin-1) in one piece, and byte by byte. `end`: what the end of the stream gives. */
function decodes(name: string, bytes: string, heard: (string | Fault)[], end?: string | Fault) {
  const last = heard.at(-1);
  const hasPartial = end !== undefined;
  const stops = typeof last === 'object' && last.fatal;
  const expected = stops ? { heard } : { heard, hasPartial, idleEndsMessage: hasPartial && !bytes.includes('\n'), end };
  const cuts = { whole: (whole: Buffer) => [whole], 'byte by byte': byteByByte };
  for (const [how, cut] of Object.entries(cuts)) {
    test(`${name} (${how})`, () => {
      expect(decode(server(), cut(Buffer.from(bytes, 'latin1')))).toStrictEqual(expected);
    });
  }
}

decodes('decodes nothing from no bytes', '', []);
decodes('decodes a line that ends in LF', 'abc\n', ['abc']);
decodes('drops the CR before an LF', 'abc\r\n', ['abc']);
decodes('drops only one CR before an LF', 'ab\r\r\n', ['ab\r']);
decodes('keeps a CR without an LF', 'a\rb\n', ['a\rb']);
decodes('keeps a CR at the end of the stream', 'ab\r', [], 'ab\r');
decodes('decodes lines that came glued', 'a\nbc\r\nd\n', ['a', 'bc', 'd']);
decodes('decodes empty lines as empty messages', '\n\r\n\n', ['', '', '']);
decodes('decodes an empty line between two others', 'a\n\nb\n', ['a', '', 'b']);
decodes('decodes a line that is a bare CR', '\r\r\n', ['\r']);

decodes('decodes a line of exactly the limit', 'abcd\n', ['abcd']);
decodes('does not count the CR before an LF', 'abcd\r\n', ['abcd']);
decodes('rejects a line as soon as it exceeds the limit', 'abcde', [tooLarge]);
decodes('rejects a line above the limit that ends in LF', 'abcde\n', [tooLarge]);
decodes('rejects a line above the limit that ends in CR LF', 'abcde\r\n', [tooLarge]);
decodes('counts a CR without an LF', 'abcd\re', [tooLarge]);
decodes('counts all CRs but the last', 'abcd\r\r\n', [tooLarge]);
decodes('waits for the LF behind a line of exactly the limit', 'abcd', [], 'abcd');
decodes('decodes what came before a line above the limit', 'a\nabcde', ['a', tooLarge]);
decodes('measures the limit in bytes', 'a\xc3\xa9\xc3\xa9\n', [tooLarge]);
decodes('limits each line by itself', 'abcd\nabcd\nabcd', ['abcd', 'abcd'], 'abcd');

decodes('continues after a line that is not UTF-8', 'a\n\xc3\x28\nb\n', ['a', badUtf8, 'b']);
decodes('continues after a line that is not UTF-8 and ends in CR', '\xff\r\nb\r\n', [badUtf8, 'b']);
decodes('rejects a character that is cut by an LF', '\xc3\n\xa9\n', [badUtf8, badUtf8]);
decodes('decodes the rest after a line that is not UTF-8', '\xff\nb', [badUtf8], 'b');
decodes('rejects a rest that is not UTF-8', 'a\n\xc3', ['a'], badUtf8);
decodes('decodes a replacement character that was really sent', '\xef\xbf\xbd\n', ['\uFFFD']);
decodes('keeps a byte order mark', '\xef\xbb\xbfa\n', ['\uFEFFa']);
decodes('decodes characters of two, three and four bytes', '\xc3\xa9\n\xe2\x82\xac\n\xf0\x9f\x98\x80\n', [
  'é',
  '€',
  '😀',
]);
decodes('decodes NUL, TAB and ESC as they are', '\0\t\x1b\n', ['\0\t\x1b']);

decodes('decodes a last line without an LF', 'abc', [], 'abc');
decodes('decodes what follows the last LF as the last line', 'a\nbc', ['a'], 'bc');

test('decodes the article’s message, which has no line end, after a pause', () => {
  const codec = server(100);
  codec.push(Buffer.from('Hello, server'));
  expect(codec.next()).toBeUndefined();
  expect(codec.idleEndsMessage).toBe(true);
  expect(codec.end()).toBe('Hello, server');
  expect([codec.hasPartial, codec.idleEndsMessage]).toEqual([false, false]);
});

test('decodes the next message after a pause ended one', () => {
  const codec = server();
  codec.push(Buffer.from('abcd'));
  codec.next();
  codec.end();
  codec.push(Buffer.from('ef\ng'));
  expect([codec.next(), codec.next(), codec.end()]).toEqual(['ef', undefined, 'g']);
});

test('ends a message at a pause until the first LF, and never afterwards', () => {
  const codec = server();
  const idleEndsMessage = byteByByte(Buffer.from('ab\nc\nd')).map((byte) => {
    codec.push(byte);
    codec.next();
    return codec.idleEndsMessage;
  });
  expect(idleEndsMessage).toEqual([true, true, false, false, false, false]);
});

test('does not end a message at a pause after a first line that is not UTF-8', () => {
  expect(decode(server(), [Buffer.from('\xff\nb', 'latin1')])).toMatchObject({
    hasPartial: true,
    idleEndsMessage: false,
  });
});

test('holds part of a line while its end is missing', () => {
  const codec = server();
  expect(codec.hasPartial).toBe(false);
  codec.push(Buffer.from('a'));
  codec.next();
  expect(codec.hasPartial).toBe(true);
  codec.push(Buffer.from('\n'));
  codec.next();
  expect(codec.hasPartial).toBe(false);
});

test('decodes nothing at the end of the stream after a complete line', () => {
  expect(decode(server(), [Buffer.from('a\n')]).end).toBeUndefined();
});

test('replies without a line end until the client has sent one', () => {
  const codec = server();
  codec.push(Buffer.from('abc'));
  codec.next();
  codec.end();
  expect(encoded(codec, 'hi')).toEqual(Buffer.from('hi'));
});

test('replies with an LF once the client has sent one', () => {
  const codec = server();
  decode(codec, [Buffer.from('a\nbc')]);
  expect(encoded(codec, 'hi')).toEqual(Buffer.from('hi\n'));
});

test('replies with an LF even if the client’s only line was rejected', () => {
  const codec = server();
  decode(codec, [Buffer.from('\xff\n', 'latin1')]);
  expect(encoded(codec, 'hi')).toEqual(Buffer.from('hi\n'));
});

test('ends each message of a client with an LF', () => {
  const codec = client();
  expect(encoded(codec, 'hi')).toEqual(Buffer.from('hi\n'));
  decode(codec, [Buffer.from('bare')]);
  expect(encoded(codec, '')).toEqual(Buffer.from('\n'));
});

test('decodes, as a client, a reply without a line end when the server closes', () => {
  expect(decode(client(), [Buffer.from('hi')])).toMatchObject({ heard: [], end: 'hi' });
});

test('encodes an error reply as a line, even for a client that sends no line end', () => {
  expect(encoded(server(), new ErrorReply('busy', 'come back later')).toString()).toBe(
    'error: busy: come back later\n',
  );
});

test('decodes an error reply as an ordinary line', () => {
  const line = encoded(server(), new ErrorReply('busy', 'x'));
  expect(decode(client(100), [line]).heard).toEqual(['error: busy: x']);
});

test('refuses to encode a text with an LF', () => {
  expect(() => encoded(server(), 'a\nb')).toThrow(RangeError);
  expect(() => encoded(client(), 'a\n')).toThrow(RangeError);
});

test('refuses to encode half a surrogate pair', () => {
  expect(() => encoded(server(), 'a\uD83D')).toThrow(RangeError);
});

test('encodes a goaway as no bytes', () => {
  expect(encoded(server(), GOAWAY)).toHaveLength(0);
});

test.each([
  ['all', 'a\n', false],
  ['all but a few bytes', 'abcd\nabcd\nab', true],
])('releases a chunk after reading %s', async (_, bytes, hasPartial) => {
  const codec = server();
  const chunk = new WeakRef(Buffer.from(bytes));
  codec.push(chunk.deref()!);
  while (codec.next() !== undefined);
  // A dereferenced WeakRef keeps its target alive until the job ends.
  await setImmediate();
  collectGarbage();
  expect(chunk.deref()).toBeUndefined();
  // Using the codec here proves that it was not collected together with the chunk.
  expect(codec.hasPartial).toBe(hasPartial);
});

/** Any code point that UTF-8 can encode, line ends more often. (The unit `binary` is similar, but takes a second to build.) */
const anyCharacter = fc
  .oneof(fc.constantFrom(0x0a, 0x0d), fc.nat({ max: 0xd7_ff }), fc.integer({ min: 0xe0_00, max: 0x10_ff_ff }))
  .map((codePoint) => String.fromCodePoint(codePoint));
const anyText = fc.oneof(fc.string({ unit: anyCharacter }), fc.string({ unit: 'grapheme' }));
/** Any text that fits on a line: no LF, and no CR at its end. */
const anyLine = anyText.map((text) => text.replaceAll('\n', '').replace(/\r+$/, ''));
const anyCut = fc.array(fc.nat(), { maxLength: 12 });

/** Cuts at the positions. Pieces may be empty. */
function cutAt(bytes: Buffer, positions: number[]): Buffer[] {
  const sorted = positions.map((position) => position % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...sorted, bytes.length].map((position, index) => bytes.subarray(sorted[index - 1] ?? 0, position));
}

test('decodes any text that it encoded as a line', () => {
  const roundTrip = fc.property(anyLine, (text) => {
    expect(decode(server(1000), [encoded(client(), text)]).heard).toEqual([text]);
  });
  fc.assert(roundTrip, { numRuns: 1000 });
});

test('decodes any lines, however they end and are cut', () => {
  const anyEnded = fc.array(fc.tuple(anyLine, fc.constantFrom('\n', '\r\n')));
  const alike = fc.property(anyEnded, anyLine, anyCut, (lines, rest, positions) => {
    const stream = Buffer.from(lines.flat().join('') + rest);
    const expected = { heard: lines.map(([text]) => text), end: rest === '' ? undefined : rest };
    expect(decode(server(1000), cutAt(stream, positions))).toMatchObject(expected);
    expect(decode(server(1000), byteByByte(stream))).toMatchObject(expected);
  });
  fc.assert(alike, { numRuns: 300 });
});

test('decodes any bytes the same way, however they are cut', () => {
  const noise = fc.uint8Array({ maxLength: LIMIT + 2 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  const parts = fc.constantFrom('\n', '\n', '\r', 'a', 'bc', '\xc3', '\xa9', '\xff', 'abcd');
  const alike = fc.property(fc.array(fc.oneof(parts, parts, parts, noise)), anyCut, (text, positions) => {
    const bytes = Buffer.from(text.join(''), 'latin1');
    const whole = decode(server(), [bytes]);
    expect(decode(server(), cutAt(bytes, positions))).toStrictEqual(whole);
    expect(decode(server(), byteByByte(bytes))).toStrictEqual(whole);
    expect(bytes.toString('latin1')).toBe(text.join(''));
  });
  fc.assert(alike, { numRuns: 3000 });
});
