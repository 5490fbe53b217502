/** Splits what is written into many small writes, to show that a TCP stream has no message boundaries. */
import { PassThrough, pipeline, type Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two writes: long enough for the other end to read the first one separately. */
const PAUSE_MS = 25;

/** Writes to the socket `size` bytes at a time. Ending this stream ends the socket's side (half-close). */
export function chunkedWriter(socket: Writable, size: number): Writable {
  const input = new PassThrough();
  const cut = async function* (source: AsyncIterable<Buffer>) {
    for await (const bytes of source) {
      for (let start = 0; start < bytes.length; start += size) {
        yield bytes.subarray(start, start + size);
        await sleep(PAUSE_MS);
      }
    }
  };
  // The socket's owner handles its errors.
  pipeline(input, cut, socket, () => undefined);
  return input;
}
