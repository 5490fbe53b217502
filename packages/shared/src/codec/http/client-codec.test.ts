import { describe, expect, test } from 'vitest';

import { CodecError } from '../codec.ts';
import { WriteBuffer } from '../write-buffer.ts';
import { HttpClientCodec, type ReceivedResponse } from './client-codec.ts';

const MAX_BODY_BYTES = 1000;

interface Decoded {
  responses: { status: number; body: string; keepAlive: boolean }[];
  error: string | undefined;
}

const open = () => new HttpClientCodec({ host: 'a.example:1', maxBodyBytes: MAX_BODY_BYTES });

/** Decodes the pieces and, if it `ends`, the end of the stream. */
function decode(pieces: Buffer[], ends: boolean): Decoded {
  const codec = open();
  const responses: Decoded['responses'] = [];
  const note = ({ status, body, keepAlive }: ReceivedResponse) =>
    responses.push({ status, body: body.toString('latin1'), keepAlive });
  try {
    for (const piece of pieces) {
      codec.push(piece);
      for (let response = codec.next(); response !== undefined; response = codec.next()) note(response);
    }
    const last = ends ? codec.end() : undefined;
    if (last) note(last);
    if (ends) expect(codec.end()).toBeUndefined();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { responses, error: error.message };
  }
  return { responses, error: undefined };
}

/** Decodes in one piece and byte by byte, with the same result. */
function decodeText(text: string, { ends = false } = {}): Decoded {
  const bytes = Buffer.from(text, 'latin1');
  const whole = decode([Buffer.from(bytes)], ends);
  const cut = decode(
    Array.from(bytes, (byte) => Buffer.of(byte)),
    ends,
  );
  expect(cut).toEqual(whole);
  return whole;
}

const OK = 'HTTP/1.1 200 OK\r\n';

describe('decodes', () => {
  test.each([
    ['a body with a length', `${OK}Content-Length: 5\r\n\r\nhello`, 200, 'hello', true],
    ['no body', `${OK}Content-Length: 0\r\n\r\n`, 200, '', true],
    ['a length with leading zeros', `${OK}Content-Length: 05\r\n\r\nhello`, 200, 'hello', true],
    ['chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n`, 200, 'hello', true],
    ['a status without a reason', 'HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n', 404, '', true],
    ['204, whatever its Content-Length', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', 204, '', true],
    ['304', 'HTTP/1.1 304 Not Modified\r\n\r\n', 304, '', true],
    ['a response that closes', `${OK}Connection: x, Close\r\nContent-Length: 0\r\n\r\n`, 200, '', false],
    ['HTTP/1.0, which closes', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', 200, 'x', false],
    [
      'HTTP/1.0 with keep-alive',
      'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx',
      200,
      'x',
      true,
    ],
    [
      'a final response behind interim ones',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`,
      200,
      'x',
      true,
    ],
    ['empty lines before a response', `\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`, 200, 'x', true],
  ])('%s', (_what, text, status, body, keepAlive) => {
    expect(decodeText(text)).toEqual({ responses: [{ status, body, keepAlive }], error: undefined });
  });

  test('several responses in one read', () => {
    const { responses } = decodeText(
      `${OK}Content-Length: 1\r\n\r\na${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n`,
    );
    expect(responses.map(({ body }) => body)).toEqual(['a', 'b']);
  });

  test('a body that ends with the stream', () => {
    const text = `${OK}Content-Type: text/plain\r\n\r\nhello`;
    expect(decodeText(text).responses).toEqual([]);
    expect(decodeText(text, { ends: true }).responses).toEqual([{ status: 200, body: 'hello', keepAlive: false }]);
    expect(decodeText(`${OK}\r\n`, { ends: true }).responses).toEqual([{ status: 200, body: '', keepAlive: false }]);
  });

  test('nothing from a stream that ends between responses', () => {
    expect(decodeText('', { ends: true })).toEqual({ responses: [], error: undefined });
  });
});

const READ = 'the response cannot be read: ';

test.each([
  ['garbage', 'hello\r\n', `${READ}it does not begin with a status line of HTTP/1.0 or HTTP/1.1`],
  ['another version', 'HTTP/2.0 200 OK\r\n', `${READ}it does not begin with a status line of HTTP/1.0 or HTTP/1.1`],
  [
    'a status of four digits',
    'HTTP/1.1 2000 OK\r\n',
    `${READ}it does not begin with a status line of HTTP/1.0 or HTTP/1.1`,
  ],
  ['an endless status line', `HTTP/1.1 200 ${'x'.repeat(8000)}`, 'the status line exceeds 8000 bytes'],
  [
    'an endless head',
    `${OK}X: ${'x'.repeat(16_384)}`,
    'the head of the response exceeds 16384 bytes: send fewer or shorter fields',
  ],
  ['too many fields', OK + 'X: y\r\n'.repeat(101), 'the response has more than 100 fields: send fewer'],
  [
    'a switch of protocols',
    'HTTP/1.1 101 Switching\r\n\r\n',
    `${READ}it switches to a protocol that was not requested`,
  ],
  [
    'a length and chunks',
    `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${READ}it has a Content-Length and a Transfer-Encoding`,
  ],
  ['another coding', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`, `${READ}its Transfer-Encoding is not chunked`],
  [
    'two lengths',
    `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`,
    `${READ}its Content-Length is not a decimal number`,
  ],
  [
    'a length that is not a number',
    `${OK}Content-Length: -1\r\n\r\n`,
    `${READ}its Content-Length is not a decimal number`,
  ],
  ['a length above the limit', `${OK}Content-Length: 1001\r\n\r\n`, 'the body of the response exceeds 1000 bytes'],
  [
    'chunks above the limit',
    `${OK}Transfer-Encoding: chunked\r\n\r\n3e9\r\n`,
    'the body of the response exceeds 1000 bytes',
  ],
  ['an endless body above the limit', `${OK}\r\n${'x'.repeat(1001)}`, 'the body of the response exceeds 1000 bytes'],
])('rejects %s', (_what, text, error) => {
  expect(decodeText(text)).toEqual({ responses: [], error });
});

test('accepts bodies of exactly the limit', () => {
  const body = 'x'.repeat(MAX_BODY_BYTES);
  expect(decodeText(`${OK}Content-Length: 1000\r\n\r\n${body}`).responses[0]!.body).toBe(body);
  expect(decodeText(`${OK}\r\n${body}`, { ends: true }).responses[0]!.body).toBe(body);
});

test.each([
  'HTTP',
  OK,
  `${OK}\r`,
  `${OK}Content-Length: 2\r\n\r\n`,
  `${OK}Content-Length: 2\r\n\r\nx`,
  `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`,
])('reports a stream that ends inside %j', (text) => {
  expect(decodeText(text, { ends: true })).toEqual({
    responses: [],
    error: `${READ}the stream ended inside the response`,
  });
});

test('encodes a message as a request', () => {
  const out = new WriteBuffer();
  open().encode('h€llo', out);
  expect(out.take().toString()).toBe(
    'POST / HTTP/1.1\r\nHost: a.example:1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 7\r\n\r\nh€llo',
  );
});

test('refuses to encode half a surrogate pair, and appends nothing', () => {
  const out = new WriteBuffer();
  expect(() => open().encode('\ud800', out)).toThrow(RangeError);
  expect(out.length).toBe(0);
});
