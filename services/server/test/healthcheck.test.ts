import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { start } from './test-server.ts';

const HEALTHCHECK = join(import.meta.dirname, '../src/healthcheck.ts');

/** What the health check says of a server at this port, and its exit code. */
async function check(port: number, env: Record<string, string> = {}): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [HEALTHCHECK], { env: { PORT: String(port), ...env } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
}

test('finds a server that answers well, and says nothing', async () => {
  await using server = await start();
  expect(await check(server.port, { HOST: '127.0.0.1' })).toEqual({ code: 0, said: '' });
});

test('says of a server that does not listen that nobody does', async () => {
  await using taken = createServer().listen(0);
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await new Promise((resolve) => taken.close(resolve));
  expect(await check(port)).toEqual({ code: 1, said: expect.stringContaining('ECONNREFUSED') });
});

test('gives a silent server two seconds, and says so', async () => {
  await using silent = createServer((socket) => void socket.resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  expect(await check(port, { HOST: '127.0.0.1' })).toEqual({
    code: 1,
    said: 'the server did not answer within two seconds\n',
  });
});

test('says what else a server answered', async () => {
  await using server = createServer((socket) => socket.resume().end('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await check(port, { HOST: '127.0.0.1' })).toEqual({ code: 1, said: 'the server answered 500\n' });
});
