import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

import { expect, test, vi } from 'vitest';

import { start } from './test-server.ts';

const HEALTHCHECK = join(import.meta.dirname, '../src/healthcheck.ts');

/** Runs the health check against this port: its output and its exit code. */
async function check(port: number, env: Record<string, string> = {}): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [HEALTHCHECK], { env: { PORT: String(port), ...env } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
}

async function listening(serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

test('exits with 0 and prints nothing for a healthy server', async () => {
  await using server = await start();
  expect(await check(server.port, { HOST: '127.0.0.1' })).toEqual({ code: 0, said: '' });
});

test('prints ECONNREFUSED if nobody listens', async () => {
  // Port 1 is tcpmux (RFC 1078), which nobody runs.
  expect(await check(1)).toEqual({ code: 1, said: expect.stringContaining('ECONNREFUSED') });
});

test('times out after 2000 ms', async () => {
  await using server = await listening((socket) => void socket.resume());
  const said = 'no response within 2000 ms\n';
  expect(await check(portOf(server), { HOST: '127.0.0.1' })).toEqual({ code: 1, said });
});

test('prints any other status', async () => {
  await using server = await listening(
    (socket) => void socket.resume().end('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n'),
  );
  expect(await check(portOf(server), { HOST: '127.0.0.1' })).toEqual({ code: 1, said: 'unhealthy: HTTP 500\n' });
});

test.each([
  { others: 15, code: 0, said: '' },
  { others: 16, code: 1, said: expect.stringMatching(/ECONNRESET|socket hang/) },
])('on a full server with $others more local connections it exits with $code', async ({ others, ...expected }) => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  // Silent clients are closed after 1.5 s, and a slow machine needs longer to start the check.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const silent = await Promise.all(Array.from({ length: 1 + 32 + others }, () => server.dial()));
  expect(await check(server.port, { HOST: '127.0.0.1' })).toEqual(expected);
  vi.useRealTimers();
  for (const { socket } of silent) socket.destroy();
});
