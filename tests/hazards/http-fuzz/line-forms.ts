/** The parts of a request line, and line ends. */
import { METHODS as NODE_METHODS } from 'node:http';

import type { Forms } from './forms.ts';

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
    '/',
    '/',
    '/',
    '/a?b=c',
    '/?',
    '/a;b=c',
    '/a/../b',
    '/%2e%2e/x',
    "/~!$&'()*+,;=:@",
    '/?a?b',
    '//h/x',
    'http://h/x',
    'http://h',
    'HTTP://H/?q',
    'https://h?q',
  ],
  hostile: [
    '*',
    '',
    '?x',
    'h:80',
    '/\t',
    '/a#b',
    '/?#',
    '/a\\b',
    '/|y[z]{}^`"<>',
    '/%zz',
    '/%00',
    '/%7F',
    '/%1f',
    '/\x01',
    '/\x7f',
    '/\x80',
    '/\xe9',
    '/\xff?x',
    'http://h/@x',
    'http://u@h/',
    'http:///x',
    'http://',
    'ftp://h/',
    'http://a.b:/',
    'http://[::1]:80/x',
    'http://h:80:80/',
    'http://h%41/',
    'http://h,g/',
    'http://h_x/',
    // The longest request line, with a method of three letters.
    `/${'a'.repeat(7986)}`,
  ],
};

export const VERSIONS: Forms = {
  valid: ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'],
  hostile: [
    'HTTP/2.0',
    'HTTP/0.9',
    'HTTP/1.2',
    'http/1.1',
    'HTTP/1.1 ',
    'HTTP/1',
    'HTTP/11',
    'HTTP/1.10',
    'RTSP/1.0',
    'ICE/1.0',
    '',
  ],
};
