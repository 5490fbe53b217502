import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { WriteBuffer } from './write-buffer.ts';

/** Both ends of a local connection. */
async function pair() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy();
      far.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function read(socket: Socket, length: number): Promise<string> {
  let text = '';
  for await (const bytes of socket) {
    text += (bytes as Buffer).toString('latin1');
    if (text.length >= length) break;
  }
  return text;
}

test('appends any texts as UTF-8, and returns their lengths in bytes', () => {
  const texts = fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 })));
  fc.assert(
    fc.property(texts, (all) => {
      const buffer = new WriteBuffer();
      for (const text of all) expect(buffer.appendText(text)).toBe(Buffer.byteLength(text));
      expect(buffer.take()).toEqual(Buffer.from(all.join('')));
    }),
  );
});

test('holds a text larger than a pooled buffer', () => {
  const buffer = new WriteBuffer();
  const text = 'é'.repeat(100_000);
  buffer.appendText('before ');
  expect(buffer.appendText(text)).toBe(200_000);
  buffer.appendText(' after');
  expect(buffer.take()).toEqual(Buffer.from(`before ${text} after`));
});

test('is full a little below 64 KiB', () => {
  const buffer = new WriteBuffer();
  buffer.appendText('a'.repeat(61_439));
  expect(buffer.isFull).toBe(false);
  buffer.appendText('a');
  expect(buffer.isFull).toBe(true);
});

test('is empty after take() or drop()', () => {
  const buffer = new WriteBuffer();
  buffer.appendText('one');
  buffer.drop();
  buffer.appendText('two');
  expect(buffer.take().toString()).toBe('two');
  expect(buffer.take()).toHaveLength(0);
});

test('two buffers filled in turns do not overlap', () => {
  const [one, other] = [new WriteBuffer(), new WriteBuffer()];
  for (const digit of '123') {
    one.appendText(`one ${digit} `);
    other.appendText(`other ${digit} `);
  }
  expect([one.take().toString(), other.take().toString()]).toEqual(['one 1 one 2 one 3 ', 'other 1 other 2 other 3 ']);
});

test('writes everything to a socket, even if the kernel does not take it at once and others reuse the pool', async () => {
  await using ends = await pair();
  const { near, far } = ends;
  let written = '';
  const buffer = new WriteBuffer();
  for (let n = 0; n < 400; n += 1) {
    const text = String.fromCharCode(97 + (n % 26)).repeat(1 + ((n * 997) % 60_000));
    written += text;
    buffer.appendText(text);
    buffer.writeTo(near);
    // The pool lends the same memory to another buffer, unless the socket still needs it.
    const other = new WriteBuffer();
    other.appendText('X'.repeat(60_000));
    other.drop();
  }
  expect(near.writableLength).toBeGreaterThan(0);
  expect((await read(far, written.length)) === written).toBe(true);
});

test('copies bytes that must wait in the socket out of the pooled memory', async () => {
  await using ends = await pair();
  const { near } = ends;
  const buffer = new WriteBuffer();
  while (near.writableLength === 0) {
    buffer.appendText('a'.repeat(60_000));
    buffer.writeTo(near);
  }
  const written: Buffer[] = [];
  Object.assign(near, { write: (bytes: Buffer) => written.push(bytes) > 0 });
  buffer.appendText('little');
  const shared = buffer.bytes.buffer;
  buffer.writeTo(near);
  expect(written.map(String)).toEqual(['little']);
  expect(written[0]!.buffer).not.toBe(shared);
});
