import { expect, test, vi } from 'vitest';

import type { Connection } from '../net/connection.ts';
import { EventStream } from './event-stream.ts';

/** A connection whose client takes nothing: what is written stays in the socket. */
function stalled() {
  const socket = { writableLength: 0, write: (text: string) => (socket.writableLength += text.length) };
  const connection = {
    socket,
    pause: vi.fn(),
    resume: vi.fn(),
    startWriteTimeout: vi.fn(),
    clearWriteTimeout: vi.fn(),
  };
  return { socket, connection };
}

const open = (connection: unknown) => new EventStream(connection as Connection, true, () => () => undefined);

test('reads nothing from a viewer that does not read, since reads would restart its timeout', () => {
  const { connection } = stalled();
  const stream = open(connection);
  stream.write('one');
  stream.write('two');
  expect(connection.startWriteTimeout).toHaveBeenCalledTimes(1);
  expect(connection.pause).toHaveBeenCalledTimes(1);
});

test('reads on once the viewer has taken everything', () => {
  const { connection, socket } = stalled();
  const stream = open(connection);
  stream.write('one');
  expect(connection.resume).not.toHaveBeenCalled();
  socket.writableLength = 0;
  stream.onWritable();
  expect(connection.clearWriteTimeout).toHaveBeenCalledTimes(1);
  expect(connection.resume).toHaveBeenCalledTimes(1);
});
