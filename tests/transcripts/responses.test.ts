import { expect, test } from 'vitest';

import { responsesIn } from './responses.ts';

const PLAIN = 'Content-Type: text/plain; charset=utf-8\r\n';

function parse(text: string) {
  const { responses, rest } = responsesIn(Buffer.from(text));
  return { responses, rest: rest.toString() };
}

test('reads consecutive responses: interim, without a body, to HEAD, chunked, close-delimited', () => {
  const parsed = parse(
    'HTTP/1.1 100 Continue\r\n\r\n' +
      'HTTP/1.1 204 No Content\r\nAllow: GET\r\n\r\n' +
      `HTTP/1.1 200 OK\r\n${PLAIN}Content-Length: 5\r\n\r\n` +
      `HTTP/1.1 200 OK\r\n${PLAIN}Content-Length: 5\r\n\r\nHello` +
      `HTTP/1.1 200 OK\r\n${PLAIN}Transfer-Encoding: chunked\r\n\r\n2\r\nHe\r\n3\r\nllo\r\n0\r\n\r\n` +
      `HTTP/1.1 503 Service Unavailable\r\n${PLAIN}Retry-After: 1\r\nConnection: close\r\n\r\nno`,
  );
  expect(parsed).toEqual({
    responses: [
      { status: 100, type: 'none', staysOpen: true },
      { status: 204, type: 'none', allow: 'GET', staysOpen: true },
      { status: 200, body: '', staysOpen: true },
      { status: 200, body: 'Hello', staysOpen: true },
      { status: 200, body: 'Hello', staysOpen: true },
      { status: 503, detail: 'no', retryAfter: '1', staysOpen: false },
    ],
    rest: '',
  });
});

test('keeps the bytes after the last response', () => {
  expect(parse('HTTP/1.1 204 No Content\r\n\r\nHello').rest).toBe('Hello');
});
