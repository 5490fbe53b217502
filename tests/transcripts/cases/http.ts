/** HTTP: request lines, heads, bodies, persistence. */
import { byteByByte, type Case, cases, closesAndStays, dripped } from '../case.ts';

/** `fields`: each with CR LF. */
export function request(line: string, fields = 'Host: a\r\n', body = ''): string {
  const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${line} HTTP/1.1\r\n${fields}${length}\r\n${body}`;
}

const GET = request('GET /');
const POST = request('POST /', undefined, 'Hello');
const CHUNKED = 'Host: a\r\nTransfer-Encoding: chunked\r\n';
const LIMIT = 65_536;

const REQUEST_LINES: readonly Case[] = cases(
  'http/request line',
  Object.fromEntries(
    [
      'GET  / HTTP/1.1',
      'GET\t/ HTTP/1.1',
      'GET / HTTP/1.1 ',
      ' GET / HTTP/1.1',
      'get / HTTP/1.1',
      'FOOBAR / HTTP/1.1',
      'GET / http/1.1',
      'GET / HTTP/1.0',
      'GET / HTTP/1.2',
      'GET / HTTP/2.0',
      'GET / HTTP/9.9',
      'GET / HTTP/1',
      'GET / HTTP/1.10',
      'GET /',
      'GET /#a HTTP/1.1',
      'GET /\\a HTTP/1.1',
      'GET /a b HTTP/1.1',
      'GET /x/%2e%2e/healthz HTTP/1.1',
      'GET /x/../healthz HTTP/1.1',
      'GET //healthz HTTP/1.1',
      'GET /healthz/ HTTP/1.1',
      'GET /healthz?a=b HTTP/1.1',
      'GET /%00 HTTP/1.1',
      'GET http://a/ HTTP/1.1',
      'GET HTTP://a/ HTTP/1.1',
      'GET https://a/healthz HTTP/1.1',
      'GET http://b/ HTTP/1.1',
      'GET http://u@a/ HTTP/1.1',
      'GET http:// HTTP/1.1',
      'GET * HTTP/1.1',
      'OPTIONS * HTTP/1.1',
      'CONNECT a:80 HTTP/1.1',
      'I like HTTP/1.1',
      'PRI * HTTP/2.0',
      `GET /${'x'.repeat(7900)} HTTP/1.1`,
      `GET /${'x'.repeat(9000)} HTTP/1.1`,
    ].map((line) => [line.slice(0, 40), `${line}\r\nHost: a\r\n\r\n${GET}`]),
  ),
);

const HEADS: readonly Case[] = cases(
  'http/head',
  Object.fromEntries(
    [
      '',
      'Host: a.\r\n',
      'Host: A:80\r\n',
      'Host: a:\r\n',
      'Host: [::1]:80\r\n',
      'Host: 127.0.0.1\r\n',
      'Host: evil.example\r\n',
      'Host: knock.example\r\n',
      'Host: knock.example.\r\n',
      'Host: u@knock.example\r\n',
      'Host: a, b\r\n',
      'Host: a\r\nOrigin: http://a\r\n',
      'Host: a\r\nOrigin: null\r\n',
      'Host: a\r\nOrigin: https://evil.example\r\n',
      'Host: a\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n',
      'Host: a\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n',
      'Host: a\r\nAccept: text/html;q=0\r\n',
      'Host: a\r\nAccept: TEXT/HTML\r\n',
      'Host: a\r\nAccept: text/html,*/*\r\n',
      'Host: a\r\nAccept: */*\r\n',
      'Host: a\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n',
      'Host: a\r\nContent-Encoding: gzip\r\n',
      'Host: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n',
      'Host: a\r\nExpect: 100-continue\r\n',
      'Host: a\r\nX: é\r\n',
      'Host: a\nX: y\n',
      `Host: a\r\n${'X: y\r\n'.repeat(99)}`,
      `Host: a\r\n${'X: y\r\n'.repeat(150)}`,
      `Host: a\r\nX: ${'x'.repeat(7000)}\r\n`,
      `Host: a\r\nX: ${'x'.repeat(12_000)}\r\n`,
      `Host: a\r\nX: ${'x'.repeat(20_000)}\r\n`,
    ].map((fields) => [headName(fields), request('GET /', fields) + GET]),
  ),
  { settings: { ALLOWED_HOSTS: ['knock.example'] } },
);

function headName(fields: string): string {
  const name = fields.trim().replaceAll(/\r?\n/g, ' | ');
  return name.length > 120 ? `${name.slice(0, 20)}… of ${fields.length} bytes` : name;
}

const BODIES: readonly Case[] = closesAndStays('http/body', {
  'with a length': POST,
  'with a length, byte by byte': byteByByte(POST),
  'that does not all come': POST.slice(0, -2),
  'that does not come': request('POST /', undefined, 'Hello').slice(0, -5),
  'of no bytes': request('POST /', 'Host: a\r\nContent-Length: 0\r\n'),
  'with neither length nor coding': request('POST /'),
  'with white space around its length': `${request('POST /', 'Host: a\r\nContent-Length: \t5 \t\r\n')}Hello${GET}`,
  'with a zero before its length': `${request('POST /', 'Host: a\r\nContent-Length: 05\r\n')}Hello${GET}`,
  'in chunks': `${request('POST /', CHUNKED)}3;a=b\r\none\r\n2\r\n\r\n\r\n0\r\nX: y\r\n\r\n${GET}`,
  'in chunks that do not end': `${request('POST /', CHUNKED)}3\r\none\r\n`,
  'in a chunk of 2^53 bytes': `${request('POST /', CHUNKED)}20000000000000\r\none\r\n`,
  'that is not UTF-8': Buffer.concat([
    Buffer.from(request('POST /', 'Host: a\r\nContent-Length: 2\r\n')),
    Buffer.from('c328', 'hex'),
    Buffer.from(GET),
  ]),
  'of the largest size': request('POST /', undefined, 'x'.repeat(LIMIT)) + GET,
  'one byte above the limit': request('POST /', undefined, 'x'.repeat(LIMIT + 1)) + GET,
  'one byte above the limit, in chunks': `${request('POST /', CHUNKED)}10001\r\n${'x'.repeat(LIMIT + 1)}\r\n0\r\n\r\n${GET}`,
});

const PERSISTENCE: readonly Case[] = [
  ...closesAndStays('http/persistence', {
    'one request': GET,
    'three in one piece': POST + GET + request('HEAD /'),
    'a hundred in one piece': POST.repeat(100),
    'the last asks to close': request('GET /', 'Host: a\r\nConnection: close\r\n') + GET,
    '1.0': `GET / HTTP/1.0\r\n\r\n${GET}`,
    '1.0 that stays open': `GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${GET}`,
    '1.0 through a proxy that stays open': `GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n${GET}`,
    'empty lines before and behind': `\r\n${GET}\r\n\r\n${GET}\r\n`,
    'an empty line between': `${GET}\r\n${GET}`,
    'a bare LF between': `${GET}\n${GET}`,
    'half a request behind': `${GET}GET / HT`,
  }),
  ...cases(
    'http/persistence',
    { 'events, then a request': [request('GET /events') + GET, 1000] },
    { ending: 'resets' },
  ),
];

const EXPECTATIONS: readonly Case[] = cases('http/expect', {
  'and the body follows when it is asked for': [expecting('POST /', 5), 100, 'Hello'],
  'and the body follows at once': `${expecting('POST /', 5)}Hello`,
  'with no body': expecting('POST /', 0),
  'with a body above the limit': expecting('POST /', LIMIT + 1),
  'at a wrong path': expecting('POST /x', 5),
  'with a wrong method': expecting('DELETE /', 5),
  'of something else': request('POST /', 'Host: a\r\nExpect: banana\r\nContent-Length: 5\r\n'),
  'and the body never comes': [expecting('POST /', 5), 1000],
});

function expecting(line: string, length: number): string {
  return request(line, `Host: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n`);
}

const PAUSES: readonly Case[] = cases('http/pauses', {
  'behind the first letter of a target': ['GET /', 1000, ' HTTP/1.1\r\nHost: a\r\n\r\n'],
  'inside the head': [GET.slice(0, 20), 1000, GET.slice(20)],
  'inside the body': [POST.slice(0, -2), 1000, POST.slice(-2)],
  'eleven seconds inside the request line': ['GET / HT', 11_000, 'TP/1.1\r\nHost: a\r\n\r\n'],
  'eleven seconds inside the head': [GET.slice(0, 20), 11_000, GET.slice(20)],
  'eleven seconds inside the body': [POST.slice(0, -2), 11_000, POST.slice(-2)],
  'eleven seconds inside a second head': [GET, GET.slice(0, 20), 11_000, GET.slice(20)],
  'a byte of the head each second': [GET.slice(0, 18), ...dripped('x', 1000, 14)],
  'a byte of the body each second': [request('POST /', 'Host: a\r\nContent-Length: 20\r\n'), ...dripped('x', 1000, 14)],
  'an empty line each 20 s': [GET, ...dripped('\r\n', 20_000, 5)],
  '59 s between requests': [GET, 59_000, GET],
  '61 s between requests': [GET, 61_000, GET],
});

const RESETS: readonly Case[] = cases(
  'http/resets',
  {
    'inside the head': GET.slice(0, 20),
    'inside the body': POST.slice(0, -2),
    'behind a request': POST,
    'while the handler runs': [request('POST /', undefined, 'wait'), 100],
  },
  { ending: 'resets' },
);

export const httpCases: readonly Case[] = [
  ...REQUEST_LINES,
  ...HEADS,
  ...BODIES,
  ...PERSISTENCE,
  ...EXPECTATIONS,
  ...PAUSES,
  ...RESETS,
];
