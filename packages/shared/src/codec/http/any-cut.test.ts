import fc from 'fast-check';
import { expect, test } from 'vitest';

import { bytesOf, decodeAll, oneByOne } from '../../../test/http-requests.ts';

const CRLF = '\r\n';
const mostly = (usual: string, ...others: string[]) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));

const method = mostly('GET', 'POST', 'HEAD', 'OPTIONS', 'QUERY', 'CONNECT', 'get', 'FOO', 'G@T', '');
const target = mostly(
  '/',
  '/a?b',
  '*',
  'http://h/x',
  'HTTP://H:1?q',
  'http://u@h/',
  '/#',
  '/\\',
  '/%0d',
  '/é',
  'x',
  '/a b',
);
const version = mostly('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/1');
const lineEnd = fc.oneof({ weight: 60, arbitrary: fc.constant(CRLF) }, fc.constantFrom('\n', '\r', '\r\r\n', '\n\r'));
const field = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('Accept: */*', 'X:', 'X: \t a\tb \t', 'Connection: close', 'Connection: keep-alive'),
  },
  fc.constantFrom(
    'Host: h',
    'Host: a b',
    ' folded',
    'X : y',
    ': x',
    'X',
    'X: \0',
    'X: \x7f',
    'X: \xff',
    'Content-Length: 3',
    'Content-Length: 03',
    'Content-Length: 2000',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked ',
    'Expect: 100-continue',
    'Expect: x',
    'Content-Encoding: gzip',
    'Upgrade: x',
    'Connection: upgrade',
    'Proxy-Connection: close',
    'Content-Type: a',
    'Authorization: b',
  ),
);
const chunk = mostly(
  '3\r\nabc\r\n',
  '1;x\r\na\r\n',
  '2;a="b c"\r\nab\r\n',
  '1 \r\na\r\n',
  '3\r\nabcd\r\n',
  'g\r\n',
  '3e8\r\n',
  '01\r\nz\r\n',
);
const trailers = mostly('', 'X: y\r\n', 'Host: x\r\n', ' x\r\n');
const framedBody = fc.oneof(
  fc.constant({ fields: [], body: '' }),
  fc
    .string({ unit: 'binary-ascii', maxLength: 20 })
    .map((body) => ({ fields: [`Content-Length: ${body.length}`], body })),
  fc.record({ chunks: fc.array(chunk, { maxLength: 3 }), last: trailers }).map(({ chunks, last }) => ({
    fields: ['Transfer-Encoding: chunked'],
    body: `${chunks.join('')}0\r\n${last}\r\n`,
  })),
);
const request = fc
  .record({
    before: mostly('', CRLF, '\r\n\r\n', '\n', '\r'),
    line: fc.tuple(method, target, version).map((words) => words.join(' ')),
    ends: fc.infiniteStream(lineEnd),
    host: mostly('Host: h', 'Host:', 'X: y'),
    others: fc.array(field, { maxLength: 4 }),
    framed: framedBody,
  })
  .map(({ before, line, ends, host, others, framed }) => {
    const lines = [line, host, ...others, ...framed.fields, ''];
    return before + lines.map((one) => one + String(ends.next().value)).join('') + framed.body;
  });
const long = fc.constantFrom(
  `GET /${'a'.repeat(7986)} HTTP/1.1\r\nHost: h\r\n\r\n`,
  `GET /${'a'.repeat(7987)} HTTP/1.1\r\nHost: h\r\n\r\n`,
  `GET /${'a'.repeat(8100)}`,
  `GET / HTTP/1.1\r\nHost: h\r\nX: ${'a'.repeat(16_384 - 32)}\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: h\r\nX: ${'a'.repeat(16_384 - 31)}\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: h\r\nX: ${'a'.repeat(16_400)}`,
  `GET / HTTP/1.1\r\nHost: h\r\n${'X: y\r\n'.repeat(99)}\r\n`,
  `GET / HTTP/1.1\r\nHost: h\r\n${'X: y\r\n'.repeat(100)}\r\n`,
  CRLF.repeat(8193),
  `${CRLF.repeat(8000)}GET / HTTP/1.1\r\nHost: h\r\nX: ${'a'.repeat(400)}\r\n\r\n`,
);
const mutation = fc.record({
  at: fc.nat(),
  remove: fc.nat(2),
  insert: fc.constantFrom('', '', '\r', '\n', CRLF, ' ', ':', '0', '\0', 'é'),
});
const stream = fc
  .record({
    requests: fc.array(fc.oneof({ weight: 30, arbitrary: request }, { weight: 1, arbitrary: long }), {
      minLength: 1,
      maxLength: 4,
    }),
    mutations: fc.array(mutation, { maxLength: 2 }),
  })
  .map(({ requests, mutations }) => {
    let text = requests.join('');
    for (const { at, remove, insert } of mutations) {
      const place = at % (text.length + 1);
      text = text.slice(0, place) + insert + text.slice(place + remove);
    }
    return bytesOf(text);
  });

/** Cuts the bytes, each piece in its own memory, as a socket delivers them. */
function cutAt(bytes: Buffer, places: number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends
    .map((end, nth) => Buffer.from(bytes.subarray(ends[nth - 1] ?? 0, end)))
    .filter(({ length }) => length > 0);
}

test('decodes the same requests and finds the same error, however the bytes are cut', () => {
  const property = (bytes: Buffer, places: number[], answersHeads: boolean) => {
    const whole = decodeAll([Buffer.from(bytes)], { answersHeads });
    expect(decodeAll(oneByOne(bytes), { answersHeads })).toStrictEqual(whole);
    expect(decodeAll(cutAt(bytes, places), { answersHeads })).toStrictEqual(whole);
  };
  fc.assert(fc.property(stream, fc.array(fc.nat(), { maxLength: 5 }), fc.boolean(), property), { numRuns: 500 });
});
