/** For each rejection reason of the codec, the shortest stream that provokes it, in Latin-1. */
import { MAX_BODY_BYTES } from '@knock/shared/test/http-requests';

import { TRUNCATED } from './codec-reader.ts';

const HOST = 'Host: h\r\n';
const GET = 'GET / HTTP/1.1\r\n';
const POST = `POST / HTTP/1.1\r\n${HOST}`;
const CHUNKS = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const line = (text: string) => `${text}\r\n${HOST}\r\n`;
const twice = (field: string) => `${GET}${HOST}${field}\r\n${field}\r\n\r\n`;

export interface Provoker {
  reason: string;
  stream: string;
}

const LINES: Record<string, string> = {
  '400 bare LF: lines end in CR LF': `GET / HTTP/1.1\n${HOST}\r\n`,
  '400 bare CR: lines end in CR LF': `GET / HTTP/1.1\r${HOST}\r\n`,
  '400 malformed request line: send a method, a target and HTTP/1.1, separated by single spaces':
    line('GET  / HTTP/1.1'),
  '405 CONNECT is not supported': line('CONNECT h:1 HTTP/1.1'),
  '501 unknown method: names are case-sensitive, as in GET and POST': line('get / HTTP/1.1'),
  '400 the method is not a token: send one such as GET or POST': line('G@T / HTTP/1.1'),
  '505 unsupported version: send HTTP/1.1 or HTTP/1.0': line('GET / HTTP/2.0'),
  '400 the request line does not end in a version: send HTTP/1.1 or HTTP/1.0': line('GET / http/1.1'),
  '400 the target contains #, \\ or a byte that must be percent-encoded': line('GET /a#b HTTP/1.1'),
  '400 the target contains a percent-encoded control character': line('GET /%00 HTTP/1.1'),
  '400 the target * is only for OPTIONS': line('GET * HTTP/1.1'),
  '400 the target is neither a path that begins with / nor an http URL': line('GET x HTTP/1.1'),
  '400 the target must name one valid host, without a user name': line('GET http://u@h/ HTTP/1.1'),
  '414 the request line exceeds 8000 bytes: send a shorter target': line(`GET /${'a'.repeat(7987)} HTTP/1.1`),
};

const HEADS: Record<string, string> = {
  '400 a field name must be followed at once by a colon': `${GET}${HOST}X : y\r\n\r\n`,
  '400 a field value contains a control character': `${GET}${HOST}X: \0\r\n\r\n`,
  '400 white space after the value of Transfer-Encoding': `${POST}Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n`,
  '400 the request has more than one host': `${GET}${HOST}${HOST}\r\n`,
  '400 the request has more than one authorization': twice('Authorization: x'),
  '400 the request has more than one content-type': twice('Content-Type: a/b'),
  '400 the request has more than one expect': twice('Expect: 100-continue'),
  '400 the request has more than one content-length': twice('Content-Length: 0'),
  '400 the request has no Host header': `${GET}\r\n`,
  '400 Host must be one valid host, with or without a port': `${GET}Host: u@h\r\n\r\n`,
  '400 the target and the Host header name different hosts': line('GET http://other/ HTTP/1.1'),
  '400 the Content-Length is not a decimal number': `${POST}Content-Length: +3\r\n\r\nabc`,
  '400 HTTP/1.0 has no Transfer-Encoding: send a Content-Length': CHUNKS.replace('1.1', '1.0'),
  '400 the request has a Content-Length and a Transfer-Encoding: send one': CHUNKS.replace(
    HOST,
    `${HOST}Content-Length: 3\r\n`,
  ),
  '501 unsupported Transfer-Encoding: only chunked': CHUNKS.replace('chunked', 'gzip, chunked'),
  '400 Transfer-Encoding must end in chunked, exactly once: send chunked alone': CHUNKS.replace('chunked', 'gzip'),
  '417 unsupported Expect: only 100-continue': `${POST}Expect: x\r\n\r\n`,
  '415 unsupported Content-Encoding: only identity': `${POST}Content-Encoding: gzip\r\n\r\n`,
  '431 the head of the request exceeds 16384 bytes: send fewer or shorter fields': `${GET}${HOST}X: ${'y'.repeat(16_384)}\r\n\r\n`,
  '431 the request has more than 100 fields: send fewer': `${GET}${HOST}${'X: y\r\n'.repeat(100)}\r\n`,
  [`413 the body exceeds ${MAX_BODY_BYTES} bytes: send less, or ask the operator to raise MAX_MESSAGE_BYTES`]: `${POST}Content-Length: ${MAX_BODY_BYTES + 1}\r\n\r\n${'a'.repeat(MAX_BODY_BYTES + 1)}`,
};

const BODIES: Record<string, string> = {
  '400 invalid chunk size or chunk extension: the size is hexadecimal': `${CHUNKS}0x3\r\nabc\r\n0\r\n\r\n`,
  '400 a chunk is longer than its announced size': `${CHUNKS}3\r\nabcd\r\n0\r\n\r\n`,
  '400 the chunk-size line exceeds 256 bytes': `${CHUNKS}0;${'e'.repeat(255)}\r\n\r\n`,
  '400 forbidden trailer: this field belongs in the head': `${CHUNKS}0\r\n${HOST}\r\n`,
  [TRUNCATED]: `${CHUNKS}3\r\nab`,
};

export const PROVOKERS: readonly Provoker[] = Object.entries({ ...LINES, ...HEADS, ...BODIES }).map(
  ([reason, stream]) => ({ reason, stream }),
);
