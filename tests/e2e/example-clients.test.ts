/** Clients in other languages, written from `docs/protocol.md` alone: against the server's container, and the byte vectors. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { scripted } from '@knock/client/test/scripted-server';
import { describe, expect, test } from 'vitest';

import { KnockServerContainer } from '../support/knock-server.ts';
import { Program } from '../support/program.ts';

interface Vector {
  name: string;
  from: 'client' | 'server';
  hex: string;
  heard: { message?: string }[];
}

const ROOT = join(import.meta.dirname, '../..');
const vectors = JSON.parse(readFileSync(join(ROOT, 'docs/vectors.json'), 'utf8')) as Vector[];
/** Valid client messages; the other vectors are invalid. */
const sayable = vectors.filter(
  ({ from, heard }) => from === 'client' && heard.every(({ message }) => message !== undefined),
);
const fromServer = vectors.filter(({ from }) => from === 'server');

describe.each([
  ['Python', ['python3', 'examples/frames.py']],
  ['bash', ['bash', 'examples/frames.sh']],
] as [string, [string, string]][])('the client in %s', (_, [interpreter, file]) => {
  const client = (port: number, texts: string[], host = '127.0.0.1') =>
    new Program([interpreter, file, ...texts], { HOST: host, PORT: String(port) });

  test('has fewer than 40 lines', () => {
    expect(readFileSync(join(ROOT, file), 'utf8').split('\n').length).toBeLessThanOrEqual(40);
  });

  test('prints the replies of the server’s container, in order', async () => {
    await using server = await new KnockServerContainer().withSettings({ REPLY: '{message}' }).start();
    const texts = ['Hello, server', '', 'é€👋', 'a'.repeat(60_000)];
    await using running = client(server.port, texts, server.getHost());
    expect(await running.ended()).toEqual({ exitCode: 0, stdout: `${texts.join('\n')}\n`, stderr: '' });
  });

  test('names the message that the server’s container rejected, and exits with an error', async () => {
    await using server = await new KnockServerContainer().withSettings({ MAX_MESSAGE_BYTES: '8' }).start();
    await using running = client(server.port, ['short', 'much too long'], server.getHost());
    const { exitCode, stdout, stderr } = await running.ended();
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: 'hello from the server!\n' });
    expect(stderr).toMatch(/^'much too long': .*too_large: /);
  });

  test.each(sayable)('sends what the vector has: $name', async ({ hex, heard }) => {
    let said = '';
    await using server = await scripted((socket) =>
      socket.on('data', (bytes: Buffer) => {
        said += bytes.toString('hex');
        // Enough: without a close the client would wait for replies.
        if (said.length >= hex.length) socket.end();
      }),
    );
    await using running = client(
      server.port,
      heard.map(({ message }) => message!),
    );
    await running.ended();
    expect(said).toBe(hex);
  });

  test.each(fromServer)('reads what the vector has, byte by byte: $name', async ({ hex, heard }) => {
    await using server = await scripted((socket) => {
      socket.setNoDelay();
      for (const byte of Buffer.from(hex, 'hex')) socket.write(Buffer.of(byte));
      socket.end();
    });
    await using running = client(server.port, ['?']);
    const { exitCode, stdout } = await running.ended();
    const replies = heard.flatMap(({ message }) => message ?? []);
    expect(stdout).toBe(replies.map((reply) => `${reply}\n`).join(''));
    expect(exitCode === 0).toBe(replies.length === heard.length);
  });
});
