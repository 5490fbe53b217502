import { METHODS } from 'node:http';

import { expect, test } from 'vitest';

import { decodeText, failureOf } from '../../../test/http-requests.ts';
import { HttpError } from './http-error.ts';
import { parseRequestLine } from './request-line.ts';

const REST = '\r\nHost: h\r\n\r\n';
const errorOf = (line: string) => failureOf(line + REST);

const SPACING = '400 malformed request line: send a method, a target and HTTP/1.1, separated by single spaces';
const NO_VERSION = '400 the request line does not end in a version: send HTTP/1.1 or HTTP/1.0';
const OTHER_VERSION = '505 unsupported version: send HTTP/1.1 or HTTP/1.0';
const UNKNOWN_METHOD = '501 unknown method: names are case-sensitive, as in GET and POST';
const BAD_METHOD = '400 the method is not a token: send one such as GET or POST';
const CONNECT = '405 CONNECT is not supported';
const BYTE = '400 the target contains #, \\ or a byte that must be percent-encoded';
const CONTROL = '400 the target contains a percent-encoded control character';
const FORM = '400 the target is neither a path that begins with / nor an http URL';
const ASTERISK = '400 the target * is only for OPTIONS';
const TARGET_HOST = '400 the target must name one valid host, without a user name';
const TOO_LONG = '414 the request line exceeds 8000 bytes: send a shorter target';
const BARE_LF = '400 bare LF: lines end in CR LF';
const BARE_CR = '400 bare CR: lines end in CR LF';

test.each([
  ['GET  / HTTP/1.1', SPACING],
  ['GET /  HTTP/1.1', SPACING],
  ['GET / HTTP/1.1 ', SPACING],
  [' GET / HTTP/1.1', SPACING],
  ['GET\t/ HTTP/1.1', SPACING],
  ['GET / x HTTP/1.1', SPACING],
  ['GET /', SPACING],
  ['GET', SPACING],
  ['GET / HTTP/1.1\t', NO_VERSION],
  ['GET / http/1.1', NO_VERSION],
  ['GET / HTTP/1', NO_VERSION],
  ['GET / HTTP/11', NO_VERSION],
  ['GET / HTTP/1.10', NO_VERSION],
  ['GET / HTTP/1,1', NO_VERSION],
  ['GET / RTSP/1.0', NO_VERSION],
  ['GET / HTTP/0.9', OTHER_VERSION],
  ['GET / HTTP/1.2', OTHER_VERSION],
  ['PRI * HTTP/2.0', OTHER_VERSION],
  ['FOO x HTTP/3.0', OTHER_VERSION],
  ['CONNECT h:1 HTTP/1.1', CONNECT],
  ['FOO / HTTP/1.1', UNKNOWN_METHOD],
  ['get / HTTP/1.1', UNKNOWN_METHOD],
  ['Post / HTTP/1.1', UNKNOWN_METHOD],
  ['G@T / HTTP/1.1', BAD_METHOD],
  ['G\0T / HTTP/1.1', BAD_METHOD],
  ['I like HTTP/1.1', FORM],
])('rejects the line %j', (line, error) => {
  expect(errorOf(line)).toBe(error);
});

test.each([
  ['/#', BYTE],
  ['/a#b', BYTE],
  ['/x\\..\\metrics', BYTE],
  ['/\0', BYTE],
  ['/\x7f', BYTE],
  ['/\t', BYTE],
  ['/\xe9', BYTE],
  ['/%00', CONTROL],
  ['/a?%0d%0a', CONTROL],
  ['/%1F', CONTROL],
  ['/%7f', CONTROL],
  ['x', FORM],
  ['h:80', FORM],
  ['?a', FORM],
  ['ftp://h/', FORM],
  ['http://', FORM],
  ['http:///x', FORM],
  ['http:/x', FORM],
  ['http://?x', FORM],
  ['*', ASTERISK],
  ['**', FORM],
  ['http://u@h/', TARGET_HOST],
  ['http://u:p@h/', TARGET_HOST],
  ['http://a,b/', TARGET_HOST],
  ['http://h:x/', TARGET_HOST],
  ['http://h%41/', TARGET_HOST],
])('rejects the target %j', (target, error) => {
  expect(errorOf(`GET ${target} HTTP/1.1`)).toBe(error);
});

test.each(METHODS.filter((method) => method !== 'CONNECT'))('accepts the method %s', (method) => {
  expect(decodeText(`${method} / HTTP/1.1${REST}`).decoded).toMatchObject([{ line: `${method} / 1.1` }]);
});

test.each([
  ['GET /', { path: '/', query: '', authority: undefined }],
  ['GET /a/b?c=d?e', { path: '/a/b', query: 'c=d?e', authority: undefined }],
  ['GET /?', { path: '/', query: '', authority: undefined }],
  ['GET //h/x', { path: '//h/x', query: '', authority: undefined }],
  ['GET /x/../metrics', { path: '/x/../metrics', query: '', authority: undefined }],
  ['GET /x/%2e%2E/metrics', { path: '/x/%2e%2E/metrics', query: '', authority: undefined }],
  ['GET /%20%80%', { path: '/%20%80%', query: '', authority: undefined }],
  ['OPTIONS *', { path: '*', query: '', authority: undefined }],
  ['GET http://h/x?y', { path: '/x', query: 'y', authority: 'h' }],
  ['GET HTTPS://H.example:80', { path: '/', query: '', authority: 'H.example:80' }],
  ['GET http://[::1]:80?q', { path: '/', query: 'q', authority: '[::1]:80' }],
])('splits %j without decoding it', (line, expected) => {
  const [method, target] = line.split(' ');
  const parts = { method, target, version: '1.0', ...expected };
  expect(parseRequestLine(`${line} HTTP/1.0`)).toStrictEqual(parts);
});

test('lists the allowed methods in its answer to CONNECT', () => {
  const parse = () => parseRequestLine('CONNECT h:1 HTTP/1.1');
  expect(parse).toThrow(expect.objectContaining({ status: 405, allow: 'GET, HEAD, OPTIONS, POST' }));
  expect(parse).toThrow(HttpError);
});

test('accepts a line of 8000 bytes, and rejects a longer one before its end has come', () => {
  const target = `/${'a'.repeat(8000 - 'GET / HTTP/1.1'.length)}`;
  expect(errorOf(`GET ${target} HTTP/1.1`)).toBeUndefined();
  expect(errorOf(`GET ${target}a HTTP/1.1`)).toBe(TOO_LONG);
  expect(failureOf(`GET ${target} HTTP/1.1a`)).toBe(TOO_LONG);
});

test.each([
  ['GET / HTTP/1.1\n', BARE_LF],
  ['GET / HTTP/1.1\rH', BARE_CR],
  ['GET / HTTP/1.1\r\r', BARE_CR],
  ['FOO\nGET', BARE_LF],
  ['\n', BARE_LF],
  ['\r\n\n', BARE_LF],
  ['\rG', BARE_CR],
])('rejects %j at once', (text, error) => {
  expect(failureOf(text)).toBe(error);
});
