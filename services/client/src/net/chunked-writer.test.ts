import { once } from 'node:events';
import { Writable } from 'node:stream';

import { expect, test } from 'vitest';

import { chunkedWriter } from './chunked-writer.ts';

test('writes all bytes in order, a few at a time, and then ends', async () => {
  const writes: string[] = [];
  const socket = new Writable({
    write(bytes: Buffer, _encoding, done) {
      writes.push(bytes.toString());
      done();
    },
  });
  const input = chunkedWriter(socket, 3);
  input.write('abcdefgh');
  input.end('ij');
  await once(socket, 'finish');
  expect(writes).toEqual(['abc', 'def', 'gh', 'ij']);
});
