/** What follows from the routing table (HEAD, OPTIONS, 404 and 405 for every path), and the fields of responses. */
import { expect, test } from 'vitest';

import { start, type TestServer } from './test-server.ts';

interface Response {
  status: number;
  headers: Record<string, string>;
  body: string;
}

async function request(server: TestServer, line: string, ...fields: string[]): Promise<Response> {
  const head = [`${line} HTTP/1.1`, 'Host: a', 'Connection: close', ...fields].join('\r\n');
  const [status = '', ...rest] = (await server.exchange(`${head}\r\n\r\n`)).split('\r\n');
  const end = rest.indexOf('');
  const headers = rest.slice(0, end).map((field) => field.split(': ') as [string, string]);
  const body = rest.slice(end + 1).join('\r\n');
  return { status: Number(status.split(' ')[1]), headers: Object.fromEntries(headers), body };
}

test.each([
  ['/', 'GET, HEAD, OPTIONS, POST'],
  ['/healthz', 'GET, HEAD, OPTIONS'],
  ['/readyz', 'GET, HEAD, OPTIONS'],
  ['/metrics', 'GET, HEAD, OPTIONS'],
  ['/events', 'GET, HEAD, OPTIONS'],
  ['/page/main.js', 'GET, HEAD, OPTIONS'],
])('%s takes %s and nothing else', async (path, allow) => {
  await using server = await start();
  const options = await request(server, `OPTIONS ${path}`);
  expect(options).toMatchObject({ status: 204, headers: { Allow: allow }, body: '' });
  expect(options.headers).not.toHaveProperty('Content-Length');
  expect(await request(server, `HEAD ${path}`)).toMatchObject({ status: 200, body: '' });
  const others = ['DELETE', ...(allow.includes('POST') ? [] : ['POST'])];
  for (const method of others) {
    expect(await request(server, `${method} ${path}`)).toMatchObject({ status: 405, headers: { Allow: allow } });
  }
});

test('answers OPTIONS * for the server as a whole', async () => {
  await using server = await start();
  const headers = { Allow: 'GET, HEAD, OPTIONS, POST' };
  expect(await request(server, 'OPTIONS *')).toMatchObject({ status: 204, headers });
});

test('has neither page nor events if LIVE_PAGE is off', async () => {
  await using server = await start({ LIVE_PAGE: 'off' });
  expect(await request(server, 'GET /events')).toMatchObject({ status: 404 });
  expect(await request(server, 'GET /page/main.js')).toMatchObject({ status: 404 });
  expect((await request(server, 'GET /', 'Accept: text/html')).body).toBe('hello from the server!');
});

test('a 404 shows only an excerpt of the path', async () => {
  await using server = await start();
  const { status, body } = await request(server, `GET /${'x'.repeat(7000)}`);
  expect(status).toBe(404);
  expect(body.length).toBeLessThan(300);
});

test.each([
  ['text/html', true],
  ['TEXT/HTML', true],
  ['text/plain, text/html;q=0.5', true],
  ['text/html;q=0', false],
  ['text/html; q=0.000', false],
  ['*/*', false],
  ['text/*', false],
  ['text/htmlx', false],
])('with Accept: %s GET / is the page: %s', async (accept, isPage) => {
  await using server = await start();
  const { headers } = await request(server, 'GET /', `Accept: ${accept}`);
  expect(headers['Content-Type']).toBe(isPage ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8');
});

test.each(['/', '/page/main.js'])('%s has an ETag, and is answered with 304 to a client that has it', async (path) => {
  await using server = await start();
  const first = await request(server, `GET ${path}`, 'Accept: text/html');
  expect(first.headers).toMatchObject({ 'Cache-Control': 'no-cache' });
  const tag = first.headers['ETag']!;
  for (const condition of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
    const again = await request(server, `GET ${path}`, 'Accept: text/html', `If-None-Match: ${condition}`);
    expect(again).toMatchObject({ status: 304, headers: { ETag: tag }, body: '' });
  }
  const changed = await request(server, `GET ${path}`, 'Accept: text/html', 'If-None-Match: "other"');
  expect(changed).toMatchObject({
    status: 200,
    headers: { 'Content-Length': String(Buffer.byteLength(first.body)) },
  });
});

test.each([
  ['a reply', 'GET /', 200],
  ['an error', 'GET /nothing', 404],
  ['an error of the codec', 'GET x', 400],
  ['a probe', 'GET /healthz', 200],
])('dates %s, and forbids browsers to keep it or to guess at its type', async (_what, line, status) => {
  await using server = await start();
  const response = await request(server, line);
  expect(response.status).toBe(status);
  expect(response.headers).toMatchObject({
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': String(Buffer.byteLength(response.body)),
    Connection: 'close',
  });
  expect(Math.abs(Date.parse(response.headers['Date']!) - Date.now())).toBeLessThan(60_000);
});

test.each([
  ['a wrong path', 'POST /nothing HTTP/1.1\r\nHost: a', 5, 404],
  ['a wrong method', 'PUT / HTTP/1.1\r\nHost: a', 5, 405],
  ['a foreign host', 'POST / HTTP/1.1\r\nHost: evil.example', 5, 403],
  ['a missing host', 'POST / HTTP/1.1', 5, 400],
  ['a body above the limit', 'POST / HTTP/1.1\r\nHost: a', 1_000_000, 413],
])('answers %s at the head, and does not ask for the body', async (_what, head, bytes, status) => {
  await using server = await start();
  const client = await server.dial();
  client.send(`${head}\r\nExpect: 100-continue\r\nContent-Length: ${bytes}\r\n\r\n`);
  const answer = (await client.closed()).toString();
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*Connection: close\\r\\n`));
});

test('streams events in chunks, and to HTTP/1.0 without', async () => {
  await using server = await start();
  const [newer, older] = await Promise.all([server.dial(), server.dial()]);
  newer.send('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
  older.send('GET /events HTTP/1.0\r\n\r\n');
  const chunked = (await newer.until('data: ')).toString();
  expect(chunked).toMatch(/^HTTP\/1\.1 200 [^]*Transfer-Encoding: chunked\r\n[^]*\r\n\r\n[\da-f]+\r\ndata: /);
  const plain = (await older.until('data: ')).toString();
  expect(plain).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close\r\n\r\ndata: /);
  expect(plain).not.toContain('Transfer-Encoding');
  const closing = server.server.close();
  expect((await newer.closed()).toString()).toMatch(/\r\n0\r\n\r\n$/);
  await older.closed();
  await closing;
});

test('HEAD of the events has no Content-Length, like GET', async () => {
  await using server = await start();
  const { status, headers } = await request(server, 'HEAD /events');
  expect(status).toBe(200);
  expect(headers).toMatchObject({ 'Content-Type': 'text/event-stream', 'Transfer-Encoding': 'chunked' });
  expect(headers).not.toHaveProperty('Content-Length');
});

test.each(['GET /healthz', 'OPTIONS /healthz', 'POST /readyz', 'POST /metrics'])(
  'logs %s at debug, as all probes',
  async (line) => {
    await using server = await start();
    await request(server, line);
    await server.expectReasons('completed');
    expect(server.lines.filter(({ level }) => Number(level) > 20)).toEqual([]);
  },
);
