/**
 * How the parts of a request may be written, in Latin-1: `valid` by the grammar of RFC 9110 and 9112 and taken by the codec, or
 * `hostile`: not valid, or valid and read differently by some servers.
 */
import { METHODS as NODE_METHODS } from 'node:http';

export interface Forms {
  readonly valid: readonly string[];
  readonly hostile: readonly string[];
}

export const EMPTY_LINES: Forms = {
  valid: ['', '', '', '', '\r\n', '\r\n\r\n'],
  hostile: ['\n', '\r', ' ', '\r\n\n', '\t\r\n'],
};

export const LINE_END: Forms = {
  valid: ['\r\n'],
  hostile: ['\n', '\r', '\r\r\n', '\n\r\n', ' \r\n', '\t\r\n', '\0\r\n'],
};

export const SPACE: Forms = { valid: [' '], hostile: ['  ', '\t', '', ' \t'] };

export const METHODS: Forms = {
  valid: ['POST', 'POST', 'POST', 'GET', 'GET', 'HEAD', ...NODE_METHODS.filter((method) => method !== 'CONNECT')],
  hostile: ['CONNECT', 'get', 'Get', 'FOO', 'PRI', 'G', 'GET\t', 'X-Y', 'DESCRIBE', 'SETUP', 'FLUSH', 'G@T', ''],
};

export const TARGETS: Forms = {
  valid: [
    ...['/', '/', '/', '/a?b=c', '/?', '/a;b=c', '/a/../b', '/%2e%2e/x', "/~!$&'()*+,;=:@", '/?a?b', '//h/x'],
    ...['http://h/x', 'http://h', 'HTTP://H/?q', 'https://h?q'],
  ],
  hostile: [
    ...['*', '', '?x', 'h:80', '/\t', '/a#b', '/?#', '/a\\b', '/|y[z]{}^`"<>', '/%zz', '/%00', '/%7F', '/%1f', '/\x01'],
    ...['/\x7f', '/\x80', '/\xe9', '/\xff?x', 'http://h/@x', 'http://u@h/', 'http:///x', 'http://', 'ftp://h/'],
    ...['http://a.b:/', 'http://[::1]:80/x', 'http://h:80:80/', 'http://h%41/', 'http://h,g/', 'http://h_x/'],
  ],
};

export const VERSIONS: Forms = {
  valid: ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'],
  hostile: [
    ...['HTTP/2.0', 'HTTP/0.9', 'HTTP/1.2', 'http/1.1', 'HTTP/1.1 ', 'HTTP/1', 'HTTP/11', 'HTTP/1.10', 'RTSP/1.0'],
    ...['ICE/1.0', ''],
  ],
};

export const HOSTS: Forms = {
  valid: ['Host: h', 'Host:h', 'host:\tH \t', 'HOST: h'],
  hostile: [
    ...['Host:', 'Host: a b', 'Host: u@h', 'Host: h/x', 'Host: a,b', 'Host : h', 'Host: h.', 'Host: \xe9', 'X: y'],
    ...['Host: h:80', 'Host: [::1]:80', 'Host: h\r\nHost: h'],
  ],
};

/** Of those that may come once, one at most is among the fields of one request. */
export const FIELDS: Forms = {
  valid: [
    ...[
      'Accept: */*',
      'Accept-Encoding: gzip, br',
      'User-Agent: curl/8',
      'Cookie: a=b',
      'X:',
      'X: a:b',
      'X: \t a\tb \t',
    ],
    ...['X: \x80\xff', "!#$%&'*+-.^_`|~09: y", 'Content_Length: 3', 'Transfer_Encoding: chunked', 'Content-Type: a/b'],
    ...['Authorization: Basic eA==', 'Expect: 100-continue', 'Content-Encoding: identity', 'TE: trailers'],
    ...['Trailer: X', 'Keep-Alive: timeout=5', 'Upgrade: x', 'Connection: close', 'Connection: keep-alive'],
    ...['Connection: keep-alive, Upgrade', 'Connection: Keep-Alive, close', 'Proxy-Connection: close'],
  ],
  hostile: [
    ...['X:\x01', 'X: \x7f', 'X: a\0b', 'X : y', ' folded', '\tfolded', ': x', 'X', 'X\x80: y', 'X(: y'],
    ...[
      'Connection: upgrade',
      'Connection: closed',
      'Connection: close x',
      'Connection: x,close',
      'Connection: close,',
    ],
    ...['Connection: ,close', 'Connection:', 'Connection: clo se', 'Connection: \tclose\t', 'Connection: keep-alive;x'],
    ...['Connection: close, keep-alive', 'Connection: keep-alive,x,close , y', 'Proxy-Connection: keep-alive'],
    ...[
      'Upgrade:',
      'Upgrade: h2c',
      'Content-Length: 0',
      'Content-Length: 3',
      'Content-Length:3 ',
      'Content-Length:\t3\t',
    ],
    ...['Content-Length: 03', 'Content-Length: +3', 'Content-Length: 3,3', 'Content-Length: 3 3', 'Content-Length:'],
    ...['Content-Length: 0x3', 'Content-Length: 1001', 'Content-Length: 1000', 'Content-Length: 18446744073709551616'],
    ...['Content-Length: 18446744073709551619', 'Content-length: -1', 'Content-Length: 3\x0b', 'Content-Length : 3'],
    ...['Transfer-Encoding: chunked', 'Transfer-Encoding: gzip', 'Transfer-Encoding: gzip, chunked'],
    ...['Transfer-Encoding: chunked, gzip', 'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: identity'],
    ...['Expect: x', 'Expect:', 'Expect: 100-Continue', 'Expect: 100-continue, x', 'Content-Encoding: gzip'],
    ...['Content-Encoding: Identity', 'Content-Encoding:'],
  ],
};

/** What stands before the digits of the length of a body. */
export const LENGTH_PREFIXES: Forms = {
  valid: [' ', ' ', '', '\t'],
  hostile: [' +', ' -', ' 0', ' 0x', ' 0, ', ' \x0b', ' 1 '],
};

/** The field that says that a body is chunked. */
export const CHUNKED: Forms = {
  valid: ['Transfer-Encoding: chunked', 'Transfer-Encoding:chunked', 'transfer-encoding:  \tCHUNKED'],
  hostile: [
    ...[
      'Transfer-Encoding: chunked ',
      'Transfer-Encoding: chunked\t',
      'Transfer-Encoding:',
      'Transfer-Encoding: ,chunked',
    ],
    ...['Transfer-Encoding: chunked,', 'Transfer-Encoding: xchunked', 'Transfer-Encoding: chunkedx'],
    ...['Transfer-Encoding: "chunked"', 'Transfer-Encoding: chunked;q=1', 'Transfer-Encoding : chunked'],
    ...[
      'Transfer_Encoding: chunked',
      'Transfer-Encoding: gzip, chunked',
      'Content-Length: 3\r\nTransfer-Encoding: chunked',
    ],
  ],
};

export const CHUNK_EXTENSIONS: Forms = {
  valid: ['', '', '', '', ';a', ';a=b', ';a="b c"', ';a="\\""', ';a;b=c', ';a="\x80"', ';a="\t"', ';a="\\ "'],
  hostile: [
    ...[';', '; a', ' ;a', ';a =b', ';a= b', ';a="b', ';a=', ';=b', ' ', '\t', ';a="b"c', ';a=b"', ';a=\x80', ';a\x80'],
    ...[
      `;${'e'.repeat(250)}`,
      `;${'e'.repeat(260)}`,
      ';a="\x7f"',
      ';a="\x01"',
      ';a="\\\x01"',
      ';a="\\\x80"',
      ';a="b";',
    ],
  ],
};

export const CHUNK_SIZE_PREFIXES: Forms = {
  valid: ['', '', '', '0', '00'],
  hostile: ['0x', ' ', '-', '+', '1_', 'g', 'f'.repeat(17)],
};

export const TRAILERS: Forms = {
  valid: ['', '', '', 'X: y\r\n', 'X: y\r\nX-Sum:\r\n', 'Upgrade: x\r\n', 'Trailer: a\r\n'],
  hostile: [
    ...[
      'Host: x\r\n',
      'Connection: close\r\n',
      'Proxy-Connection: close\r\n',
      'Content-Length: 3\r\n',
      'Expect: x\r\n',
    ],
    ...['Transfer-Encoding: chunked\r\n', 'Content-Type: a\r\n', 'Authorization: a\r\n', ' x\r\n', 'X\r\n', 'X: y\n'],
    ...['X: \x01\r\n', `X: ${'y'.repeat(300)}\r\n`],
  ],
};
