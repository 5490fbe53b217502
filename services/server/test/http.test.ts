import { expect, test, vi } from 'vitest';

import { Metrics } from '../src/telemetry/metrics.ts';
import { frame } from './raw-client.ts';
import { start } from './test-server.ts';

/** The status and body of the response, and the whole answer. */
function parse(response: string): { status: number; body: string } {
  const [head = '', ...body] = response.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]), body: body.join('\r\n\r\n') };
}

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

function post(body: string, headers = ''): string {
  return `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
}

test('answers GET / with the reply to the empty message', async () => {
  await using server = await start({ REPLY: 'you said "{message}"' });
  const response = await fetch(`http://127.0.0.1:${server.port}/`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await response.text()).toBe('you said ""');
});

test('answers POST / with the reply to its body', async () => {
  await using server = await start({ REPLY: '{message}' });
  const response = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', body: 'naïve 世界' });
  expect(await response.text()).toBe('naïve 世界');
});

test('answers HEAD / without a body', async () => {
  await using server = await start();
  const response = parse(await server.exchange('HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
  expect(response).toEqual({ status: 200, body: '' });
});

test('answers a request that arrives byte by byte', async () => {
  await using server = await start();
  const client = await server.dial();
  await client.drip(GET);
  expect(parse((await client.closed()).toString())).toEqual({ status: 200, body: 'hello from the server!' });
});

test('answers after half-close, though the handler is slow', async () => {
  await using server = await start({
    handler: async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return message;
    },
  });
  expect(parse(await server.exchange(post('late')))).toEqual({ status: 200, body: 'late' });
});

test('answers pipelined requests one after another, in order', async () => {
  let running = 0;
  let most = 0;
  await using server = await start({
    handler: async (message) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, message === 'one' ? 30 : 0));
      running -= 1;
      return message;
    },
  });
  const answer = await server.exchange(post('one') + post('two') + post('three'));
  expect(answer.match(/(?<=\r\n\r\n)(one|two|three)/g)).toEqual(['one', 'two', 'three']);
  expect(most).toBe(1);
});

test('keeps the connection alive, and closes it after IDLE_TIMEOUT_MS', async () => {
  await using server = await start({ IDLE_TIMEOUT_MS: 2000 });
  const client = await server.dial();
  client.send(post('one'));
  await client.until('hello from the server!');
  client.send(post('two'));
  const answer = (await client.closed()).toString();
  expect(answer.match(/hello from the server!/g)).toHaveLength(2);
  await server.expectReasons('idle_timeout');
});

test('answers probes, and logs them at debug only', async () => {
  await using server = await start();
  for (const path of ['/healthz', '/readyz']) {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { connection: 'close' } });
    expect(response.status).toBe(200);
    await response.text();
  }
  await server.expectReasons('completed', 'completed');
  expect(server.lines.filter(({ level }) => Number(level) > 20)).toEqual([]);
});

test.each([
  ['GET /nothing HTTP/1.1\r\nHost: a\r\n', 404],
  ['PUT / HTTP/1.1\r\nHost: a\r\n', 405],
  ['POST /healthz HTTP/1.1\r\nHost: a\r\n', 405],
  ['GET / HTTP/1.1\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n', 400],
  ['GET / HTTP/1.1\r\nHost : a\r\n', 400],
  ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a b\r\n', 400],
  ['GET / HTTP/1.1\r\nHost:\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a@b\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a/b\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a, b\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: knock.example.\r\n', 200],
  ['GET / HTTP/1.1\r\nHost: evil.example\r\n', 403],
  ['GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n', 400],
  ['GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n', 403],
  ['GET * HTTP/1.1\r\nHost: a\r\n', 400],
  ['GET /x\\..\\metrics HTTP/1.1\r\nHost: a\r\n', 400],
  ['GET /x/../metrics HTTP/1.1\r\nHost: a\r\n', 404],
  ['GET /x/%2e%2e/metrics HTTP/1.1\r\nHost: a\r\n', 404],
  ['GET /#a HTTP/1.1\r\nHost: a\r\n', 400],
  ['POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n', 415],
  ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n', 400],
  ['POST / HTTP/1.1\r\nHost: a\r\nContent-Type: a\r\nContent-Type: a\r\n', 400],
  ['GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n', 200],
  ['GET / HTTP/1.0\r\n', 200],
  ['GET / HTTP/1.1\r\nHost: 127.0.0.1:12000\r\n', 200],
  ['GET / HTTP/1.1\r\nHost: knock.example\r\n', 200],
  ['POST / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:1\r\n', 200],
  ['POST / HTTP/1.1\r\nHost: knock.example\r\nOrigin: https://knock.example\r\n', 200],
  // Behind a proxy that uses another name for this server.
  ['POST / HTTP/1.1\r\nHost: server\r\nOrigin: https://knock.example\r\nSec-Fetch-Site: same-origin\r\n', 200],
  ['POST / HTTP/1.1\r\nHost: server\r\nOrigin: https://knock.example\r\nSec-Fetch-Site: cross-site\r\n', 403],
  ['POST / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:2\r\n', 403],
  ['POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n', 403],
  ['POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n', 403],
  ['GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n', 200],
  ['GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\n', 200],
  ['GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n', 403],
  [
    'GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n',
    403,
  ],
  [
    'GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n',
    200,
  ],
  [
    'POST / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n',
    403,
  ],
])('answers %j with %i and a sentence', async (head, status) => {
  await using server = await start({ ALLOWED_HOSTS: ['knock.example'] });
  const response = parse(await server.exchange(`${head}Connection: close\r\n\r\n`));
  expect(response.status).toBe(status);
  expect(response.body).toMatch(/\w+ \w+/);
  await server.expectHealthy();
});

test('answers 400 to a request line that ends in a bare LF', async () => {
  await using server = await start();
  expect(parse(await server.exchange('GET / HTTP/1.1\nHost: localhost\n\n')).status).toBe(400);
  await server.expectReasons('malformed');
});

test('rejects a Content-Length above the limit before the body, and the response arrives', async () => {
  await using server = await start({ MAX_MESSAGE_BYTES: 10 });
  const client = await server.dial();
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n');
  const answer = parse((await client.closed()).toString());
  expect(answer.status).toBe(413);
  expect(answer.body).toContain('10 bytes');
  expect(client.error).toBeUndefined();
  await server.expectReasons('too_large');
});

test('rejects a chunked body above the limit, though the client keeps sending', async () => {
  await using server = await start({ MAX_MESSAGE_BYTES: 10 });
  const client = await server.dial();
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n');
  client.send('80000\r\n');
  client.end(Buffer.alloc(512 * 1024));
  expect(parse((await client.closed()).toString()).status).toBe(413);
  expect(client.error).toBeUndefined();
  await server.expectReasons('too_large');
  await server.expectHealthy();
});

test('answers a body that is not UTF-8 with 400', async () => {
  await using server = await start();
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n';
  const answer = parse(await server.exchange(Buffer.concat([Buffer.from(head), Buffer.from('c328', 'hex')])));
  expect(answer.status).toBe(400);
  expect(answer.body).toContain('bad_utf8');
});

test('accepts a line of 8000 bytes and a head of 16 KiB, and answers longer ones with 414 and 431', async () => {
  await using server = await start();
  const line = (bytes: number) => `GET /${'x'.repeat(bytes - 'GET / HTTP/1.1'.length)} HTTP/1.1\r\nHost: a\r\n\r\n`;
  expect(parse(await server.exchange(line(8000))).status).toBe(404);
  expect(parse(await server.exchange(line(8001))).status).toBe(414);
  // All ports of localhost share a browser's cookies.
  const head = (bytes: number) => GET.replace('\r\n\r\n', `\r\nCookie: ${'x'.repeat(bytes - GET.length - 10)}\r\n\r\n`);
  expect(parse(await server.exchange(head(16_384))).status).toBe(200);
  expect(parse(await server.exchange(head(16_385))).status).toBe(431);
  await server.expectReasons('completed', 'too_large', 'completed', 'too_large');
});

test.each([
  ['its request line', 'GET /slow'],
  ['its headers', 'GET / HTTP/1.1\r\nHost: loc'],
  ['its body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc'],
])('answers 408 to a request whose sender is too slow in %s', async (_where, bytes) => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 100 });
  const client = await server.dial();
  const began = performance.now();
  client.send(bytes);
  expect(parse((await client.closed()).toString()).status).toBe(408);
  // The default is 10 s.
  expect(performance.now() - began).toBeLessThan(5000);
  await server.expectReasons('message_timeout');
  await server.expectHealthy();
});

test('the message timeout of the first request runs from its first byte, not again from its first line', async () => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 4000 });
  const client = await server.dial();
  const began = performance.now();
  client.send('GET / HT');
  await new Promise((resolve) => setTimeout(resolve, 3000));
  client.send('TP/1.1\r\nHost: a\r\n');
  expect(parse((await client.closed()).toString()).status).toBe(408);
  // From the first line it would be 7 s.
  expect(performance.now() - began).toBeLessThan(6900);
});

test('answers 408 to an incomplete second request', async () => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 200 });
  const client = await server.dial();
  client.send(post('one'));
  await client.until('hello from the server!');
  client.send('GET / HT');
  expect((await client.closed()).toString()).toContain('HTTP/1.1 408 ');
  await server.expectReasons('message_timeout');
});

test('answers 500 when the handler throws, and keeps the connection', async () => {
  await using server = await start({
    handler: (message) => {
      if (message === 'bad') throw new Error('boom');
      return message;
    },
  });
  const answer = await server.exchange(post('bad') + post('good'));
  expect(answer).toMatch(/^HTTP\/1\.1 500 [^]*failed: [^]*HTTP\/1\.1 200 [^]*good$/);
  expect(answer).not.toContain('boom');
});

test('answers 500 when the handler times out, and closes the connection', async () => {
  await using server = await start({ HANDLER_TIMEOUT_MS: 50, handler: () => new Promise(() => undefined) });
  const client = await server.dial();
  client.send(post('stuck'));
  const answer = parse((await client.closed()).toString());
  expect(answer.status).toBe(500);
  expect(answer.body).toContain('failed: ');
  await server.expectReasons('handler_timeout');
});

test('a fault in our own code costs one connection, gets a 500 and is logged with its stack', async () => {
  await using server = await start();
  using _fault = vi.spyOn(Metrics.prototype, 'text').mockRejectedValue(new Error('boom'));
  const client = await server.dial();
  client.send('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
  const answer = (await client.closed()).toString();
  expect(parse(answer)).toEqual({
    status: 500,
    body: expect.stringMatching(/^failed: the server failed to answer this message: see its log\n$/),
  });
  expect(answer).not.toContain('boom');
  await server.expectReasons('error');
  const logged = server.lines.find(({ msg }) => msg.includes('Error: boom'));
  expect(logged).toMatchObject({ level: 50, stack: expect.stringMatching(/^ {4}at /) });
  await server.expectHealthy();
});

test('never handles a partial body', async () => {
  let handled = 0;
  await using server = await start({
    LOG_LEVEL: 'trace',
    handler: () => {
      handled += 1;
      return '';
    },
  });
  await server.exchange('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc');
  const left = await server.dial();
  left.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc');
  await server.expectReadFrom(2);
  left.socket.resetAndDestroy();
  await server.expectReasons('truncated', 'client_closed');
  expect(handled).toBe(0);
});

test('a connection never changes its protocol', async () => {
  await using server = await start();
  const answer = await server.exchange(Buffer.concat([Buffer.from(post('one')), frame('two')]));
  expect(answer).toContain('HTTP/1.1 200 ');
  expect(answer).toContain('HTTP/1.1 400 ');
});

test('answers the same, wherever the bytes of two requests are cut', async () => {
  await using server = await start({ REPLY: '{message}' });
  const requests = post('one') + post('two', 'Connection: close\r\n');
  const whole = (await server.exchange(requests)).replaceAll(/Date: .*\r\n/g, '');
  expect(whole.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
  for (let cut = 1; cut < requests.length; cut += 1) {
    const client = await server.dial();
    client.send(requests.slice(0, cut));
    await new Promise(setImmediate);
    client.end(requests.slice(cut));
    expect.soft((await client.closed()).toString().replaceAll(/Date: .*\r\n/g, ''), `cut at ${cut}`).toBe(whole);
  }
});
