import { once } from 'node:events';
import { connect } from 'node:net';

import { pino } from 'pino';
import { expect, test } from 'vitest';

import type { Outcome } from '../src/delivery/outcome.ts';
import { ClientConnection } from '../src/net/connection.ts';
import { textProtocol } from '../src/protocols/frames.ts';
import { scripted } from './scripted-server.ts';

test('after a reset, a written message may have been handled, and one that still waited was not', async () => {
  await using server = await scripted((socket) => socket.once('data', () => socket.resetAndDestroy()));
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  const connection = new ClientConnection(socket, {
    protocol: textProtocol({ raw: false }),
    shaping: {},
    mayHold: () => false,
    replyTimeoutMs: 60_000,
    logger: pino({ level: 'silent' }),
    ended: () => undefined,
  });
  const send = (message: string) =>
    new Promise<Outcome>((resolve) => {
      connection.request(message, performance.now() + 60_000, ({ outcome }) => resolve(outcome));
    });
  // In text one message waits for its reply at a time.
  const outcomes = await Promise.all([send('written'), send('waiting')]);
  const why = 'connection lost before the reply (ECONNRESET)';
  expect(outcomes).toEqual([
    { kind: 'unknown', why: `${why}: the message may have been handled; check before resending` },
    { kind: 'not_handled', why },
  ]);
});
