/** Cuts what is written into small writes, each of its own, so that everybody can see that a stream knows no messages. */
import { PassThrough, pipeline, type Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two writes: the other end has read the one before by then. */
const PAUSE_MS = 25;

/** What is written here goes to the socket, `size` bytes at a time; with its end the socket's side is ended. */
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
  // A socket that fails says so itself.
  pipeline(input, cut, socket, () => undefined);
  return input;
}
