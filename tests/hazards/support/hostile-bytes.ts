/** Generators for client bytes: valid, almost valid, and garbage. */
import { frame } from '@knock/server/test/raw-client';
import {
  type Arbitrary,
  array,
  constant,
  constantFrom,
  double,
  integer,
  oneof,
  string,
  tuple,
  uint8Array,
} from 'fast-check';

const TEXT = string({ unit: 'binary', maxLength: 12 });
const part = double({ min: 0, max: 1, noNaN: true });

const frames = array(TEXT, { maxLength: 4 }).map((texts) => Buffer.concat(texts.map((text) => frame(text))));

const ended = tuple(TEXT, constantFrom('\n', '\r\n')).map((both) => both.join(''));
const lines = tuple(array(ended, { maxLength: 4 }), TEXT).map(([all, last]) => Buffer.from(all.join('') + last));

/** The first choice three times in four, so that enough requests stay valid. */
const mostly = (usual: string, ...rare: string[]) =>
  oneof({ weight: 3, arbitrary: constant(usual) }, { weight: 1, arbitrary: constantFrom(...rare) });

/** First lines: HTTP without a valid request line, and text that only resembles one. */
const NEARLY = [
  'GET  / HTTP/1.1',
  ' POST / HTTP/1.1',
  'POST\t/ HTTP/1.1',
  'post / HTTP/1.1',
  'FOOBAR / HTTP/1.1',
  'POST / HTTP/2.0',
  'POST / HTTP/1.9',
  'POST / HTTP/1.1 ',
  'GET HTTP://A/ http/1.1',
  'GET / HTTP/9',
  'PRI * HTTP/2.0',
  'CONNECT a:80 HTTP/1.1',
  'I like HTTP/1.1',
  'POST / is a line',
  'GET /',
  'get well soon',
].map((line) => `${line}\r\n`);
const requestLine = tuple(
  constantFrom('POST', 'POST', 'GET', 'HEAD').chain((method) => mostly(method, 'DELETE', 'OPTIONS', 'CONNECT')),
  mostly(' / ', ' / ', ' /?a ', ' http://a/ ', ' /x ', ' * ', ' http://evil.example/ '),
  mostly('HTTP/1.1\r\n', 'HTTP/1.0\r\n'),
).map((parts) => parts.join(''));

const head = tuple(
  mostly('', '\r\n', '\r\n', '\r\n\r\n', '\n', '\r'),
  oneof({ weight: 15, arbitrary: requestLine }, { weight: 1, arbitrary: constantFrom(...NEARLY) }),
  mostly('Host: a\r\n', 'Host: localhost:12000\r\n', 'HOST:a.\r\n', 'Host: evil.example\r\n', ''),
  mostly('', 'X: \u0080\r\n', 'Upgrade: x\r\n', 'Connection: upgrade\r\nUpgrade: x\r\n'),
  mostly('', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Proxy-Connection: close\r\n'),
  mostly(
    '',
    'Expect: 100-continue\r\n',
    'Expect: 100-continue\r\n',
    'Expect: banana\r\n',
    'Content-Encoding: gzip\r\n',
  ),
);
const chunk = tuple(TEXT, constantFrom('', ';a', ';a=b', ';a="b c"')).map(([text, extension]) =>
  text === '' ? '' : `${Buffer.byteLength(text).toString(16)}${extension}\r\n${text}\r\n`,
);
/** A request, if the server wrongly parses on after a rejected head. */
const HIDDEN = 'POST / HTTP/1.1\r\nHost: a\r\n\r\n';
const body = oneof(
  constant('\r\n'),
  oneof({ weight: 3, arbitrary: TEXT }, { weight: 1, arbitrary: constant(HIDDEN) }).map(
    (text) => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  ),
  tuple(array(chunk, { maxLength: 3 }), mostly('', 'X: y\r\n', 'Host: a\r\n')).map(
    ([chunks, trailer]) => `Transfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n${trailer}\r\n`,
  ),
);
const requests = array(tuple(head, body), { minLength: 1, maxLength: 3 }).map((all) =>
  Buffer.from(all.flat(2).join('')),
);

/** Tokens that decoders react to, in Latin-1. */
const TOKENS = [
  ...Array.from('\0\x01\x02\t\n\r\x16\x1b\x7f\x80\x9b\xc3\xed\xf4\xff :,;01-+"'),
  '\r\n',
  '\r\n\r\n',
  'GET ',
  'POST / HTTP/1.1\r\n',
  'HTTP/1.0',
  'HTTP/2.0',
  ' http/1.1',
  ' RTSP/1.0',
  'http://',
  'gzip, ',
  'Host: b\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Expect: 100-continue\r\n',
  '%00',
  '#\\',
  '\xef\xbb\xbf',
].map((token) => Buffer.from(token, 'latin1'));

const noise = uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));

interface Place {
  before: Buffer;
  piece: Buffer;
  behind: Buffer;
  token: Buffer;
}

const CHANGES: ((place: Place) => Buffer[])[] = [
  ({ before, piece, behind, token }) => [before, token, piece, behind],
  ({ before, piece, behind, token }) => [before, token, piece.subarray(token.length), behind],
  ({ before, behind }) => [before, behind],
  ({ before, piece, behind }) => [before, piece, piece, behind],
  ({ before, piece, behind }) => [before, ...Array.from({ length: 500 }, () => piece), behind],
  ({ before }) => [before],
];

const change = tuple(
  constantFrom(...CHANGES),
  part,
  integer({ min: 1, max: 24 }),
  oneof(constantFrom(...TOKENS), noise),
).map(([make, at, length, token]) => (bytes: Buffer) => {
  const start = Math.floor(at * bytes.length);
  const [before, piece] = [bytes.subarray(0, start), bytes.subarray(start, start + length)];
  return Buffer.concat(make({ before, piece, behind: bytes.subarray(start + length), token }));
});

/** Streams of all protocols, half of them mutated, and noise. */
export const hostileStream: Arbitrary<Buffer> = oneof(
  tuple(constantFrom(...TOKENS), noise).map((both) => Buffer.concat(both)),
  ...[frames, lines, requests, requests].map((stream) =>
    tuple(stream, oneof(constant([]), array(change, { maxLength: 4 }))).map(([bytes, changes]) =>
      changes.reduce((changed, make) => make(changed), bytes),
    ),
  ),
);

/** Split points, as fractions of the length. */
export const places = array(part, { maxLength: 6 });

/** The nonempty pieces between the split points. */
export function cutAnywhere(bytes: Buffer, cuts: number[]): Buffer[] {
  const ends = [...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((one, other) => one - other), bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)).filter((piece) => piece.length > 0);
}
