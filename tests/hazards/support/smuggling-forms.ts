/**
 * Request smuggling: bytes in which two parsers, a proxy and the server behind it, have seen different requests. The attacks
 * CL.TE, TE.CL and TE.TE, requests that RFC 9112 (sections 2.2, 3.2, 5, 6, 7.1 and 11.2) tells servers to reject, HAProxy's
 * regression tests, and attacks on a port with several protocols, where one protocol follows another.
 */

export interface Form {
  name: string;
  /** In Latin-1. */
  bytes: string;
  /** Exactly the messages that may be handled, in order. */
  heard: string[];
}

/** Hidden behind or inside most forms; must not be handled as a request. */
const SMUGGLED = request('smuggled');
const END = '0\r\n\r\n';

function request(body: string, { line = 'POST / HTTP/1.1', host = 'Host: a', more = '' } = {}): string {
  return `${line}\r\n${host}\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
}

/** A request with an ambiguous end, followed by bytes that one parser takes for its body, and another for a request. */
function framed(fields: string, body = SMUGGLED, line = 'POST / HTTP/1.1'): string {
  return `${line}\r\nHost: a\r\n${fields}\r\n\r\n${body}`;
}

const refused = (name: string, bytes: string): Form => ({ name, bytes, heard: [] });

/** The valid request is handled, and nothing after it. */
const afterOne = (name: string, behind: string): Form => ({
  name: `${name}, behind a request`,
  bytes: request('one') + behind,
  heard: ['one'],
});

/** Lines that do not resemble a request line are text messages (docs/protocol.md). */
const text = (name: string, bytes: string): Form => ({ name, bytes, heard: bytes.split(/\r?\n/) });

const LENGTHS = [
  refused('CL.TE', framed('Content-Length: 5\r\nTransfer-Encoding: chunked', `${END}${SMUGGLED}`)),
  refused('TE.CL', framed('Transfer-Encoding: chunked\r\nContent-Length: 5', `${END}${SMUGGLED}`)),
  refused('a length and a coding that is no longer one', framed('Content-Length: 0\r\nTransfer-Encoding: identity')),
  refused('two lengths that differ', framed('Content-Length: 0\r\nContent-Length: 55')),
  refused('two lengths that are the same', framed('Content-Length: 0\r\nContent-Length: 0')),
  refused('a list of lengths', framed('Content-Length: 0, 0')),
  refused('a length with a sign', framed('Content-Length: +0')),
  refused('a negative length', framed('Content-Length: -1')),
  refused('a length in hexadecimal', framed('Content-Length: 0x0')),
  refused('a length with a fraction', framed('Content-Length: 0.0')),
  refused('a length with an exponent', framed('Content-Length: 0e1')),
  refused('a length with an underscore', framed('Content-Length: 0_0')),
  refused('a length with a space inside', framed('Content-Length: 0 0')),
  refused('an empty length', framed('Content-Length: ')),
  refused('a length behind a vertical tab', framed('Content-Length: \v0')),
  refused('a length in quotes', framed('Content-Length: "0"')),
  refused('a length that wraps around to eight', framed('Content-Length: 18446744073709551624')),
  refused('a length beyond what a number holds exactly', framed('Content-Length: 9007199254740993')),
  refused('a space before the colon of the length', framed('Content-Length : 0')),
  refused('a NUL in the name of the length', framed('Content-Length\0: 0')),
  refused('a length in the thousand-and-first field', framed(`${'a:\r\n'.repeat(999)}Content-Length: 55`)),
];

const CODINGS = [
  ['a coding that is not the last', 'chunked, identity'],
  ['a coding twice', 'chunked, chunked'],
  ['a coding behind one that is not undone here', 'gzip, chunked'],
  ['a coding behind one that is no longer one', 'identity, chunked'],
  ['a coding behind an empty one', ', chunked'],
  ['a coding before an empty one', 'chunked,'],
  ['a coding that is unknown', 'xchunked'],
  ['a coding with a parameter', 'chunked;q=1'],
  ['a coding in quotes', '"chunked"'],
  ['a coding behind a vertical tab', '\vchunked'],
  ['an empty coding', ''],
].map(([name, coding]) => refused(name!, framed(`Transfer-Encoding: ${coding}`, `${END}${SMUGGLED}`)));

const CODING_FIELDS = [
  ['a space before the colon of the coding', 'Transfer-Encoding : chunked'],
  ['a space before the name of the coding', ' Transfer-Encoding: chunked'],
  ['a folded coding', 'Transfer-Encoding:\r\n chunked'],
  ['a coding folded into another field', 'X: y\r\n\tTransfer-Encoding: chunked'],
  ['a coding behind a bare line feed', 'X: y\nTransfer-Encoding: chunked'],
  ['a coding behind a bare carriage return', 'X: y\rTransfer-Encoding: chunked'],
  ['two fields with codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'],
  ['two fields with codings, the second of them good', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked'],
].map(([name, fields]) => refused(name!, framed(fields!, `${END}${SMUGGLED}`)));

const CHUNKS = [
  ['a chunk that ends in a bare line feed', `3\nabc\r\n${END}`],
  ['a chunk whose data end in a bare line feed', `3\r\nabc\n${END}`],
  ['a chunk that is longer than its size', `3\r\nabcd\r\n${END}`],
  ['a chunk that is shorter than its size', `5\r\nabc\r\n${END}`],
  ['a last chunk that ends in a bare line feed', '0\n\r\n'],
  ['a body that ends in a bare line feed', '0\r\n\n'],
  ['a size behind 0x', `0x3\r\nabc\r\n${END}`],
  ['a size with a sign', `+3\r\nabc\r\n${END}`],
  ['a size with an underscore', `0_3\r\nabc\r\n${END}`],
  ['a size behind a space', ` 3\r\nabc\r\n${END}`],
  ['a size before a space', `3 \r\nabc\r\n${END}`],
  ['a size that wraps around to zero', `10000000000000000\r\n\r\n`],
  ['a size that wraps around to three', `10000000000000003\r\nabc\r\n${END}`],
  ['a size that is no digit', `G\r\nabc\r\n${END}`],
  ['no size', `\r\nabc\r\n${END}`],
  ['an extension with a bare line feed', `3;a\nabc\r\n${END}`],
  ['an extension with a bare carriage return', `3;a\rb\r\nabc\r\n${END}`],
  ['an extension with a NUL', `3;a\0\r\nabc\r\n${END}`],
  ['an extension in quotes that are not closed', `3;a="b\r\nabc\r\n${END}`],
  ['a trailer with a length', '0\r\nContent-Length: 55\r\n\r\n'],
  ['a trailer with a coding', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a trailer with a bare line feed', '0\r\nX: y\n\r\n'],
  ['a folded trailer', '0\r\nX: y\r\n z\r\n\r\n'],
].map(([name, body]) => refused(name!, framed('Transfer-Encoding: chunked', `${body}${SMUGGLED}`)));

const HEADS = [
  refused('bare line feeds', request('one').replaceAll('\r\n', '\n') + SMUGGLED),
  refused('a bare line feed behind the request line', framed('X: y').replace('\r\n', '\n')),
  refused('a bare line feed at the end of the head', `POST / HTTP/1.1\r\nHost: a\r\n\n${SMUGGLED}`),
  refused('a carriage return too many at the end of the head', `POST / HTTP/1.1\r\nHost: a\r\n\r\r\n${SMUGGLED}`),
  refused('a folded field', framed('X: y\r\n z')),
  refused('a field without a name', framed(': y')),
  refused('a field without a colon', framed('X')),
  refused('a NUL in a field', framed('X: a\0b')),
  refused('a control character in a field', framed('X: a\x01b')),
  refused('a byte beyond ASCII in a name', framed('X\xa0: y')),
  refused('a version that does not exist', framed('X: y', SMUGGLED, 'POST / HTTP/1.9')),
  refused('a request line alone', `POST / HTTP/1.1\r\n\r\nHost: a\r\n\r\n${SMUGGLED}`),
  refused('a coding in HTTP/1.0', framed('Transfer-Encoding: chunked', `${END}${SMUGGLED}`, 'POST / HTTP/1.0')),
  refused(
    'a coding in HTTP/1.0 that stays connected',
    framed('Connection: keep-alive\r\nTransfer-Encoding: chunked', `${END}${SMUGGLED}`, 'POST / HTTP/1.0'),
  ),
];

/** Ambiguous hosts: a proxy would check one name, and the server use another. */
const AUTHORITIES = [
  ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: evil.example\r\n\r\n'],
  ['two hosts that are the same', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['an empty host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['a space in the host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'],
  ['a byte beyond ASCII in the host', 'GET / HTTP/1.1\r\nHost: a\xa0\r\n\r\n'],
  ['a user in the host', 'GET / HTTP/1.1\r\nHost: evil.example@localhost\r\n\r\n'],
  ['a path in the host', 'GET / HTTP/1.1\r\nHost: localhost/evil.example\r\n\r\n'],
  ['an address with a foreign host', 'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  [
    'an address whose user looks like the host',
    'GET http://localhost@evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n',
  ],
  ['an address under a foreign host', 'GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
  ['an address without a host', 'GET http:/ HTTP/1.1\r\nHost: localhost\r\n\r\n'],
].map(([name, bytes]) => refused(name!, bytes!));

/** The body of a request stays a body, whatever the request is for. */
const BODIES: Form[] = [
  { name: 'a request as a body', bytes: request(SMUGGLED), heard: [SMUGGLED] },
  { name: 'a request as the body of a GET', bytes: request(SMUGGLED, { line: 'GET / HTTP/1.1' }), heard: [''] },
  { name: 'a request as the body of a HEAD', bytes: request(SMUGGLED, { line: 'HEAD / HTTP/1.1' }), heard: [''] },
  {
    name: 'a request in a chunk',
    bytes: framed('Transfer-Encoding: chunked', `37\r\n${SMUGGLED}\r\n${END}`),
    heard: [SMUGGLED],
  },
  {
    name: 'a request as a body that is asked for first',
    bytes: request(SMUGGLED, { more: 'Expect: 100-continue\r\n' }),
    heard: [SMUGGLED],
  },
  {
    name: 'a length that is to be forgotten on the way',
    bytes: request(SMUGGLED, { more: 'Connection: Content-Length\r\n' }),
    heard: [SMUGGLED],
  },
  refused('a request as a body that nobody takes', request(SMUGGLED, { line: 'DELETE / HTTP/1.1' })),
  refused('a request as a body for nobody', request(SMUGGLED, { line: 'POST /x HTTP/1.1' })),
  refused('a request as a body under a foreign host', request(SMUGGLED, { host: 'Host: evil.example' })),
  refused('a request as a body with an expectation that is not met', request(SMUGGLED, { more: 'Expect: banana\r\n' })),
  refused('a request as a body above the limit', framed('Content-Length: 1000000')),
];

const BEHIND_THE_LAST: Form[] = [
  {
    name: 'behind the last request',
    bytes: request('one', { more: 'Connection: close\r\n' }) + SMUGGLED,
    heard: ['one'],
  },
  {
    name: 'behind a request that is the last and is not',
    bytes: request('one', { more: 'Connection: keep-alive, close\r\n' }) + SMUGGLED,
    heard: ['one'],
  },
  {
    name: 'behind a request in HTTP/1.0',
    bytes: request('one', { line: 'POST / HTTP/1.0' }) + SMUGGLED,
    heard: ['one'],
  },
  {
    name: 'behind a request to change to HTTP/2',
    bytes:
      request('one', { more: 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n' }) +
      SMUGGLED,
    heard: ['one'],
  },
  {
    name: 'behind a request to change to WebSocket',
    bytes:
      request('one', { more: 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' }) + SMUGGLED,
    heard: ['one'],
  },
  {
    name: 'inside a body behind a request to change the protocol',
    bytes: request('one', { more: 'Connection: Upgrade\r\nUpgrade: x\r\n' }) + request(SMUGGLED),
    heard: ['one'],
  },
  refused('behind a tunnel', `CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`),
];

/** Bytes that another parser, or protocol detection, would accept first on a connection. */
const BEHIND_A_REQUEST = [
  afterOne('a tunnel', `CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`),
  afterOne('the preface of HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${SMUGGLED}`),
  afterOne('a request in HTTP/2.0', framed('X: y', SMUGGLED, 'POST / HTTP/2.0')),
  afterOne('a request in HTTP/0.9 with a head', framed('X: y', SMUGGLED, 'POST / HTTP/0.9')),
  afterOne('a request in HTTP/0.9', `GET /\r\n${SMUGGLED}`),
  afterOne('a request in RTSP', framed('X: y', SMUGGLED, 'POST / RTSP/1.0')),
  afterOne('a request with two spaces', framed('X: y', SMUGGLED, 'POST  / HTTP/1.1')),
  afterOne('a request with a tab', framed('X: y', SMUGGLED, 'POST\t/ HTTP/1.1')),
  afterOne('a request in lower case', framed('X: y', SMUGGLED, 'post / HTTP/1.1')),
  afterOne('a request behind a space', ` ${SMUGGLED}`),
  afterOne('text', `Hello, server\r\n${SMUGGLED}`),
  afterOne('a frame', `\0\0\0\x05Hello${SMUGGLED}`),
  afterOne('a frame that holds a request', `\0\0\0\x37${SMUGGLED}`),
  afterOne('a TLS handshake', `\x16\x03\x01\0\x05${SMUGGLED}`),
];

/** The first bytes decide the protocol of the whole connection. */
const NO_REQUESTS: Form[] = [
  text('a request behind text', `Hello, server\r\n${SMUGGLED}`),
  { name: 'a request behind an empty line', bytes: `\r\n${SMUGGLED}`, heard: ['smuggled'] },
  refused('a request behind a space', ` ${SMUGGLED}`),
  text('a request behind HTTP/0.9', `GET /\r\n${SMUGGLED}`),
  refused('a request behind the preface of HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${SMUGGLED}`),
  refused('a request behind a tunnel to elsewhere', `CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`),
  { name: 'a request behind a frame', bytes: `\0\0\0\x05Hello${SMUGGLED}`, heard: ['Hello'] },
  { name: 'a request in a frame', bytes: `\0\0\0\x37${SMUGGLED}`, heard: [SMUGGLED] },
  refused('a request behind a frame of another kind', `\x01\0\0\x05Hello${SMUGGLED}`),
  refused('a request behind a TLS handshake', `\x16\x03\x01\0\x05Hello${SMUGGLED}`),
];

export const FORMS: readonly Form[] = [
  ...LENGTHS,
  ...CODINGS,
  ...CODING_FIELDS,
  ...CHUNKS,
  ...HEADS,
  ...AUTHORITIES,
  ...BODIES,
  ...BEHIND_THE_LAST,
  ...BEHIND_A_REQUEST,
  ...NO_REQUESTS,
];
