/** Requests that are valid by the grammar of RFC 9110 and 9112 but rejected, with the reason. */
import { MAX_BODY_BYTES } from '@knock/shared/test/http-requests';

import type { Parts } from './grammar.ts';

const chunked = (body: string, field = 'Transfer-Encoding: chunked') => ({ framing: { field, body } });
const sized = (length: string, body: string) => ({ framing: { field: `Content-Length: ${length}`, body } });
const HTTP_1_1 = 'HTTP/1.1';

export const VALID_BUT_REJECTED: readonly { reason: string; parts: Partial<Parts> }[] = [
  // Unsupported by this server, or above its limits.
  { reason: '505 unsupported version', parts: { version: 'HTTP/1.2' } },
  { reason: '501 unknown method', parts: { method: 'FOO' } },
  { reason: '405 CONNECT', parts: { method: 'CONNECT', target: 'h:80' } },
  { reason: '417 unsupported Expect', parts: { fields: ['Expect: x'] } },
  { reason: '415 unsupported Content-Encoding', parts: { fields: ['Content-Encoding: gzip'] } },
  {
    reason: '501 unsupported Transfer-Encoding',
    parts: { version: HTTP_1_1, ...chunked('0\r\n\r\n', 'Transfer-Encoding: gzip, chunked') },
  },
  { reason: '414 the request line exceeds', parts: { target: `/${'a'.repeat(8000)}` } },
  { reason: '431 the head of the request exceeds', parts: { fields: [`X: ${'y'.repeat(16_384)}`] } },
  { reason: '431 the request has more than 100 fields', parts: { fields: Array.from({ length: 100 }, () => 'X: y') } },
  { reason: '413 the body exceeds', parts: sized(`${MAX_BODY_BYTES + 1}`, 'a'.repeat(MAX_BODY_BYTES + 1)) },
  {
    reason: '400 the chunk-size line exceeds',
    parts: { version: HTTP_1_1, ...chunked(`0;${'e'.repeat(255)}\r\n\r\n`) },
  },
  // What some servers read differently.
  { reason: '400 the target contains a percent-encoded control', parts: { target: '/%0d%0a' } },
  { reason: '400 the target must name one valid host', parts: { target: 'http://u@h/' } },
  { reason: '400 the target and the Host header', parts: { target: 'http://other/' } },
  { reason: '400 Host must be one valid host', parts: { host: 'Host:' } },
  { reason: '400 the Content-Length is not a decimal number', parts: sized('03', 'abc') },
  {
    reason: '400 white space after the value of Transfer-Encoding',
    parts: { version: HTTP_1_1, ...chunked('0\r\n\r\n', 'Transfer-Encoding: chunked \t') },
  },
  { reason: '400 invalid chunk size', parts: { version: HTTP_1_1, ...chunked('0 ;a\r\n\r\n') } },
  { reason: '400 forbidden trailer', parts: { version: HTTP_1_1, ...chunked('0\r\nExpect: x\r\n\r\n') } },
];
