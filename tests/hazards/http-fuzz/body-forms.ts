/** The framing fields of a body, and the parts of a chunked one. */
import type { Forms } from './forms.ts';

/** The text before the digits of a Content-Length. */
export const LENGTH_PREFIXES: Forms = {
  valid: [' ', ' ', '', '\t'],
  hostile: [' +', ' -', ' 0', ' 0x', ' 0, ', ' \x0b', ' 1 '],
};

/** The Transfer-Encoding field of a chunked body. */
export const CHUNKED: Forms = {
  valid: ['Transfer-Encoding: chunked', 'Transfer-Encoding:chunked', 'transfer-encoding:  \tCHUNKED'],
  hostile: [
    'Transfer-Encoding: chunked ',
    'Transfer-Encoding: chunked\t',
    'Transfer-Encoding:',
    'Transfer-Encoding: ,chunked',
    'Transfer-Encoding: chunked,',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: chunkedx',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding : chunked',
    'Transfer_Encoding: chunked',
    'Transfer-Encoding: gzip, chunked',
    'Content-Length: 3\r\nTransfer-Encoding: chunked',
  ],
};

export const CHUNK_EXTENSIONS: Forms = {
  valid: ['', '', '', '', ';a', ';a=b', ';a="b c"', ';a="\\""', ';a;b=c', ';a="\x80"', ';a="\t"', ';a="\\ "'],
  hostile: [
    ';',
    '; a',
    ' ;a',
    ';a =b',
    ';a= b',
    ';a="b',
    ';a=',
    ';=b',
    ' ',
    '\t',
    ';a="b"c',
    ';a=b"',
    ';a=\x80',
    ';a\x80',
    `;${'e'.repeat(250)}`,
    `;${'e'.repeat(260)}`,
    ';a="\x7f"',
    ';a="\x01"',
    ';a="\\\x01"',
    ';a="\\\x80"',
    ';a="b";',
  ],
};

export const CHUNK_SIZE_PREFIXES: Forms = {
  valid: ['', '', '', '0', '00'],
  hostile: ['0x', ' ', '-', '+', '1_', 'g', 'f'.repeat(17)],
};

export const TRAILERS: Forms = {
  valid: ['', '', '', 'X: y\r\n', 'X: y\r\nX-Sum:\r\n', 'Upgrade: x\r\n', 'Trailer: a\r\n'],
  hostile: [
    'Host: x\r\n',
    'Connection: close\r\n',
    'Proxy-Connection: close\r\n',
    'Content-Length: 3\r\n',
    'Expect: x\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Content-Type: a\r\n',
    'Authorization: a\r\n',
    ' x\r\n',
    'X\r\n',
    'X: y\n',
    'X: \x01\r\n',
    `X: ${'y'.repeat(300)}\r\n`,
  ],
};
