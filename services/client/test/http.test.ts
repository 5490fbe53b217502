/** The client over HTTP: what each response means for a message. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { pino } from 'pino';
import { expect, test } from 'vitest';

import { Client } from '../src/delivery/client.ts';
import type { ConnectionPolicy } from '../src/net/persistent-connection.ts';
import { clientSettings, type ClientSettings } from '../src/settings.ts';
import { scripted } from './scripted-server.ts';

function clientOf(
  { port }: { port: number },
  overrides: Partial<ClientSettings> = {},
  options?: ConnectionPolicy,
): Client {
  const defaults = clientSettings.parse({ SERVER_HOST: '127.0.0.1', PROTOCOL: 'http' });
  return new Client({ ...defaults, SERVER_PORT: port, ...overrides }, pino({ level: 'silent' }), options);
}

interface Request {
  head: string;
  body: string;
}

/** Calls `listener` with each request, parsed without the codec under test. */
function onRequest(socket: Socket, listener: (request: Request) => void): void {
  let unread = '';
  socket.on('data', (bytes: Buffer) => {
    unread += bytes.toString('latin1');
    for (;;) {
      const headEnd = unread.indexOf('\r\n\r\n') + 4;
      const length = Number(/^Content-Length: (\d+)\r$/m.exec(unread)?.[1]);
      if (headEnd < 4 || unread.length < headEnd + length) return;
      const body = Buffer.from(unread.slice(headEnd, headEnd + length), 'latin1').toString();
      listener({ head: unread.slice(0, headEnd), body });
      unread = unread.slice(headEnd + length);
    }
  });
}

const response = (status: number, body = '', fields = 'Content-Type: text/plain\r\n') =>
  `HTTP/1.1 ${status} Reason\r\n${fields}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const CLOSE = 'Content-Type: text/plain\r\nConnection: close\r\n';

/** A server that echoes each body from its `from`-th connection on, and calls `answer` on the earlier ones. */
const afterwards = (answer: (request: Request, socket: Socket) => void, from = 2) =>
  scripted((socket, nth) =>
    onRequest(socket, (request) => {
      if (nth < from) answer(request, socket);
      else socket.write(response(200, request.body));
    }),
  );

test('sends messages to node:http one at a time over one connection, and returns the bodies as replies', async () => {
  let connections = 0;
  let unanswered = 0;
  const server = createServer((request, answer) => {
    unanswered += 1;
    expect([request.method, request.url, request.headers.host]).toEqual(['POST', '/', `127.0.0.1:${port}`]);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () =>
      setImmediate(() => {
        expect(unanswered).toBe(1);
        unanswered -= 1;
        // Without a length the body is chunked.
        answer.write(Buffer.concat(chunks));
        answer.end('!');
      }),
    );
  });
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = clientOf({ port });
  const texts = ['', 'Hello', 'h€llo\r\n\r\n', 'x'.repeat(100_000)];
  const deliveries = await Promise.all(texts.map((text) => client.send(text)));
  expect(deliveries.map(({ outcome }) => outcome)).toEqual(
    texts.map((text) => ({ kind: 'replied', reply: `${text}!` })),
  );
  expect(connections).toBe(1);
  client.close();
  server.close();
  await once(server, 'close');
});

test.each([
  ['200 with a text', response(200, 'h€llo'), { kind: 'replied', reply: 'h€llo' }],
  ['204', 'HTTP/1.1 204 None\r\n\r\n', { kind: 'replied', reply: '' }],
  ['a body up to the end of the stream', 'HTTP/1.1 200 OK\r\n\r\nhello', { kind: 'replied', reply: 'hello' }],
  ['a redirection', response(302, 'elsewhere\n'), { kind: 'rejected', code: '302', detail: 'elsewhere' }],
  ['404', response(404, 'there is nothing\nhere\n'), { kind: 'rejected', code: '404', detail: 'there is nothing' }],
  [
    'a page that says 403',
    response(403, '<p>', 'Content-Type: text/html\r\n'),
    { kind: 'rejected', code: '403', detail: 'Forbidden' },
  ],
  [
    'a status without name or text',
    response(499, '', ''),
    { kind: 'rejected', code: '499', detail: 'no reason given' },
  ],
  ['501', response(501), { kind: 'rejected', code: '501', detail: 'Not Implemented' }],
  ['505', response(505), { kind: 'rejected', code: '505', detail: 'HTTP Version Not Supported' }],
  ['500', response(500, 'failed: oh'), { kind: 'unknown', why: 'HTTP 500: failed: oh' }],
  ['503 that keeps the connection', response(503, 'later'), { kind: 'unknown', why: 'HTTP 503: later' }],
  [
    'an encoded body',
    response(200, 'x', 'Content-Encoding: gzip\r\n'),
    { kind: 'unknown', why: 'the server replied, but in an unsupported Content-Encoding' },
  ],
])('%s is an outcome, and not retried even if the message is idempotent', async (_what, bytes, outcome) => {
  await using server = await scripted((socket) => onRequest(socket, () => socket.end(bytes)));
  expect(await clientOf(server).send('Hello', { idempotent: true })).toMatchObject({ outcome, attempts: 1 });
});

test('a reply that is not UTF-8 is unknown', async () => {
  await using server = await scripted((socket) =>
    onRequest(socket, () => socket.write(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff', 'latin1'))),
  );
  const why = 'the server replied, but the reply is not valid UTF-8';
  expect(await clientOf(server).send('Hello')).toMatchObject({ outcome: { kind: 'unknown', why } });
});

test.each([
  ['408', response(408, 'timeout', CLOSE)],
  ['408 before a request', ''],
  ['429', response(429, 'too many')],
  ['503 that closes', response(503, 'busy: later', CLOSE)],
])('%s was not handled: the message is retried on a new connection', async (_what, bytes) => {
  await using server = await scripted((socket, nth) => {
    if (nth === 1 && bytes === '') socket.end(response(408, 'timeout', CLOSE));
    onRequest(socket, ({ body }) => (nth === 1 ? socket.end(bytes) : socket.write(response(200, body))));
  });
  const { outcome } = await clientOf(server).send('Hello');
  expect(outcome).toEqual({ kind: 'replied', reply: 'Hello' });
  expect(server.accepted).toBe(2);
});

test('a server that is always busy leaves a message not handled, with its reason', async () => {
  await using server = await scripted((socket) =>
    onRequest(socket, () => socket.end(response(503, 'busy: 2 connections, the limit', CLOSE))),
  );
  const { outcome } = await clientOf(server, { DEADLINE_MS: 300 }).send('Hello', { idempotent: true });
  expect(outcome).toEqual({ kind: 'not_handled', why: 'HTTP 503: busy: 2 connections, the limit' });
});

test.each([502, 504])('%d is like a lost connection: only an idempotent message is retried', async (status) => {
  const broken = (_request: Request, socket: Socket) => socket.write(response(status));
  await using bad = await scripted((socket) => onRequest(socket, (request) => broken(request, socket)));
  expect(await clientOf(bad).send('Hello')).toMatchObject({ outcome: { kind: 'unknown' }, attempts: 1 });
  let answers = 0;
  await using server = await scripted((socket) =>
    onRequest(socket, ({ body }) => {
      answers += 1;
      socket.write(answers === 1 ? response(status) : response(200, body));
    }),
  );
  const { outcome, attempts } = await clientOf(server).send('Hello', { idempotent: true });
  expect({ outcome: outcome, attempts }).toEqual({ outcome: { kind: 'replied', reply: 'Hello' }, attempts: 2 });
});

test('a server that closes behind each response gets one connection per message', async () => {
  await using server = await scripted((socket) =>
    onRequest(socket, ({ body }) => socket.end(response(200, body, CLOSE))),
  );
  const client = clientOf(server);
  const deliveries = await Promise.all(['one', 'two', 'three'].map((text) => client.send(text)));
  expect(deliveries.map(({ outcome }) => outcome)).toEqual(
    ['one', 'two', 'three'].map((reply) => ({ kind: 'replied', reply })),
  );
  expect(server.accepted).toBe(3);
});

test('messages pipelined behind a closing response were not handled, and are retried', async () => {
  const heard: string[] = [];
  await using server = await afterwards(({ body }, socket) => {
    heard.push(body);
    if (body === 'two') socket.end(response(200, 'one') + response(200, 'two', CLOSE));
  });
  const client = clientOf(server, {}, { pipelines: true });
  const deliveries = await Promise.all(['one', 'two', 'three'].map((text) => client.send(text)));
  expect(deliveries.map(({ outcome, attempts }) => ({ outcome: outcome, attempts }))).toEqual([
    { outcome: { kind: 'replied', reply: 'one' }, attempts: 1 },
    { outcome: { kind: 'replied', reply: 'two' }, attempts: 1 },
    { outcome: { kind: 'replied', reply: 'three' }, attempts: 2 },
  ]);
  expect(heard).toEqual(['one', 'two', 'three']);
});

test.each([
  ['truncates its response', response(200, 'Hello').slice(0, -1), 'the stream ended inside the response'],
  ['sends no HTTP response', 'hello\r\n', 'it does not begin with a status line of HTTP/1.0 or HTTP/1.1'],
  [
    'sends a body beyond the limit',
    'HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n',
    'the body of the response exceeds 16777215 bytes',
  ],
])('a server that %s leaves the message unknown, and the next one has a new connection', async (_what, bytes, why) => {
  await using server = await afterwards((_request, socket) => socket.end(bytes));
  const client = clientOf(server);
  const { outcome } = await client.send('Hello');
  expect(outcome).toMatchObject({ kind: 'unknown', why: expect.stringContaining(why) as string });
  expect(await client.send('next')).toMatchObject({ outcome: { kind: 'replied', reply: 'next' } });
});

test('a server that sends two responses for one request loses its connection', async () => {
  await using server = await afterwards((_request, socket) =>
    socket.write(response(200, 'one') + response(200, 'two')),
  );
  const client = clientOf(server);
  const [one, next] = await Promise.all([client.send('one'), client.send('next')]);
  expect(one.outcome).toEqual({ kind: 'replied', reply: 'one' });
  expect(next.outcome).toEqual({ kind: 'replied', reply: 'next' });
  expect(server.accepted).toBe(2);
});

test('a late response is unknown, and is not taken for that of the next message', async () => {
  await using server = await afterwards(() => undefined);
  const client = clientOf(server, { REPLY_TIMEOUT_MS: 100 });
  expect(await client.send('Hello')).toMatchObject({ outcome: { kind: 'unknown' } });
  expect(await client.send('next')).toMatchObject({ outcome: { kind: 'replied', reply: 'next' } });
});

test('a text that UTF-8 cannot encode is rejected, and the connection stays open', async () => {
  await using server = await afterwards(() => undefined, 1);
  const client = clientOf(server);
  expect(await client.send('one')).toMatchObject({ outcome: { kind: 'replied' } });
  const detail = 'the text contains half a surrogate pair, which UTF-8 cannot encode';
  expect(await client.send('\ud800')).toMatchObject({ outcome: { kind: 'rejected', code: 'unsendable', detail } });
  expect(await client.send('two')).toMatchObject({ outcome: { kind: 'replied' } });
  expect(server.accepted).toBe(1);
});
