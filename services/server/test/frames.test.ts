import { expect, test } from 'vitest';

import { frame, GOAWAY } from './raw-client.ts';
import { start } from './test-server.ts';

const HELLO = Buffer.from('0000000d48656c6c6f2c20736572766572', 'hex');

test('answers a frame with a frame', async () => {
  await using server = await start();
  const client = await server.dial();
  client.end(HELLO);
  expect(await client.closed()).toEqual(frame('hello from the server!'));
  await server.expectReasons('completed');
});

test('answers frames that arrive byte by byte', async () => {
  await using server = await start({ REPLY: 'you said {message}' });
  const client = await server.dial();
  await client.drip(Buffer.concat([frame('one'), frame('two')]));
  client.end();
  expect(await client.closed()).toEqual(Buffer.concat([frame('you said one'), frame('you said two')]));
});

test('answers in the order of the messages, though the first takes the handler longest', async () => {
  await using server = await start({
    handler: async (message) => {
      await new Promise((resolve) => setTimeout(resolve, message === 'slow' ? 50 : 0));
      return message;
    },
  });
  const client = await server.dial();
  client.end(Buffer.concat(['slow', 'quick', 'last'].map((text) => frame(text))));
  expect(await client.closed()).toEqual(Buffer.concat(['slow', 'quick', 'last'].map((text) => frame(text))));
});

test('calls the handler with one message of a connection at a time', async () => {
  let running = 0;
  let most = 0;
  await using server = await start({
    handler: async (message) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
      return message;
    },
  });
  const client = await server.dial();
  client.end(Buffer.concat(Array.from({ length: 100 }, (_, n) => frame(String(n)))));
  await client.closed();
  expect(most).toBe(1);
});

test('answers an empty message', async () => {
  await using server = await start({ REPLY: '[{message}]' });
  const client = await server.dial();
  client.end(frame(''));
  expect(await client.closed()).toEqual(frame('[]'));
});

test('rejects a frame above the limit by its header, and the error reply arrives though the client keeps sending', async () => {
  await using server = await start({ MAX_MESSAGE_BYTES: 100 });
  const client = await server.dial();
  client.send(frame('good'));
  client.send(Buffer.from([0, 0, 0, 101]));
  client.end(Buffer.alloc(512 * 1024));
  const answer = (await client.closed()).toString();
  expect(answer).toContain('hello from the server!');
  expect(answer).toContain('too_large: a message of 101 bytes exceeds the limit of 100');
  expect(client.error).toBeUndefined();
  await server.expectReasons('too_large');
  await server.expectHealthy();
});

test('rejects invalid UTF-8, and the session goes on', async () => {
  await using server = await start();
  const client = await server.dial();
  client.end(Buffer.concat([Buffer.from([0, 0, 0, 2, 0xc3, 0x28]), frame('good')]));
  const answer = await client.closed();
  expect(answer.toString()).toContain('bad_utf8: ');
  expect(answer.subarray(-26)).toEqual(frame('hello from the server!'));
  await server.expectReasons('completed');
  await server.expectHealthy();
});

test('rejects a kind of frame that only servers may send, and ends the session', async () => {
  await using server = await start();
  const client = await server.dial();
  client.send(frame('good'));
  client.send(frame('busy: me', 1));
  const answer = (await client.closed()).toString();
  expect(answer).toContain('hello from the server!');
  expect(answer).toContain('bad_frame: unexpected frame kind 1');
  await server.expectReasons('malformed');
  await server.expectHealthy();
});

test('rejects a stream that ends inside a frame', async () => {
  await using server = await start();
  const client = await server.dial();
  client.end(HELLO.subarray(0, 10));
  expect((await client.closed()).toString()).toContain('bad_frame: the stream ended inside a frame');
  await server.expectReasons('truncated');
  await server.expectHealthy();
});

test('times out a slowloris client, however steadily its bytes come', async () => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 150 });
  const client = await server.dial();
  client.send(frame('good'));
  await client.until('hello');
  client.send(frame('x'.repeat(100)).subarray(0, 5));
  const drip = setInterval(() => client.send('x'), 20);
  const answer = await client.closed();
  clearInterval(drip);
  expect(answer.toString()).toContain('timeout: message incomplete after 150 ms (MESSAGE_TIMEOUT_MS)');
  await server.expectReasons('message_timeout');
  await server.expectHealthy();
});

test('the message timeout does not count time in which the server does not read', async () => {
  await using server = await start({
    MESSAGE_TIMEOUT_MS: 2000,
    handler: async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 2500));
      return message;
    },
  });
  const client = await server.dial();
  // The second message is not complete while the handler works on the first.
  client.send(Buffer.concat([frame('first'), frame('second').subarray(0, 6)]));
  await client.until(frame('first'));
  client.end(frame('second').subarray(6));
  expect(await client.closed()).toEqual(Buffer.concat([frame('first'), frame('second')]));
});

test('sends goaway to an idle client', async () => {
  await using server = await start({ IDLE_TIMEOUT_MS: 50 });
  const client = await server.dial();
  client.send(HELLO);
  expect(await client.closed()).toEqual(Buffer.concat([frame('hello from the server!'), GOAWAY]));
  await server.expectReasons('idle_timeout');
});

test('closes the connection of a client that sends nothing', async () => {
  await using server = await start({ FIRST_BYTE_TIMEOUT_MS: 50 });
  const client = await server.dial();
  expect((await client.closed()).length).toBe(0);
  await server.expectReasons('first_byte_timeout');
  await server.expectHealthy();
});

test('replies failed when the handler throws, and the session goes on', async () => {
  await using server = await start({
    handler: (message) => {
      if (message === 'bad') throw new Error('boom');
      return message;
    },
  });
  const client = await server.dial();
  client.end(Buffer.concat([frame('bad'), frame('good')]));
  const answer = (await client.closed()).toString();
  expect(answer).toContain('failed: ');
  expect(answer).not.toContain('boom');
  expect(answer).toContain('good');
  expect(server.lines.some(({ msg }) => msg.includes('boom'))).toBe(true);
});

test('replies failed and goaway when the handler times out, and ends the session', async () => {
  await using server = await start({
    HANDLER_TIMEOUT_MS: 50,
    handler: (message) => (message === 'stuck' ? new Promise<string>(() => undefined) : message),
  });
  const client = await server.dial();
  client.send(Buffer.concat([frame('stuck'), frame('never handled')]));
  const answer = await client.closed();
  expect(answer.toString()).toContain('failed: no reply within 50 ms (HANDLER_TIMEOUT_MS)');
  expect(answer.subarray(-4)).toEqual(GOAWAY);
  await server.expectReasons('handler_timeout');
  await server.expectHealthy();
});

test('replies failed when the reply holds half a surrogate pair', async () => {
  await using server = await start({ handler: () => '\ud800' });
  const client = await server.dial();
  client.end(HELLO);
  expect((await client.closed()).toString()).toContain('failed: ');
});

test('aborts the signal of the handler when its client is gone', async () => {
  const entered = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  await using server = await start({
    handler: (_message, { signal }) => {
      entered.resolve();
      signal.addEventListener('abort', () => aborted.resolve());
      return aborted.promise.then(() => 'too late');
    },
  });
  const client = await server.dial();
  client.send(HELLO);
  await entered.promise;
  client.socket.resetAndDestroy();
  await aborted.promise;
  await server.expectReasons('client_closed');
});

test('back-pressure: stops reading from a client that does not read, and closes it after WRITE_TIMEOUT_MS', async () => {
  const reply = 'x'.repeat(16 * 1024);
  let handled = 0;
  await using server = await start({
    WRITE_TIMEOUT_MS: 100,
    handler: () => {
      handled += 1;
      return reply;
    },
  });
  const client = await server.dial();
  client.socket.pause();
  const asked = 100_000;
  client.send(Buffer.concat(Array.from({ length: asked }, () => frame(''))));
  await server.expectReasons('write_timeout');
  // What it handled fits the kernel's buffers, of which the largest are a few MiB.
  expect(handled * reply.length).toBeLessThan(32 * 2 ** 20);
  await server.expectHealthy();
});

test('sends a slow reader all its replies, as long as it reads at all', async () => {
  const reply = 'x'.repeat(64 * 1024);
  // All together take longer, of which each takes a moment.
  await using server = await start({ WRITE_TIMEOUT_MS: 2000, handler: () => reply });
  const client = await server.dial();
  client.socket.pause();
  const count = 200;
  client.end(Buffer.concat(Array.from({ length: count }, () => frame(''))));
  const reading = setInterval(() => {
    client.socket.resume();
    client.socket.once('data', () => client.socket.pause());
  }, 20);
  const answer = await client.closed();
  clearInterval(reading);
  expect(answer.length).toBe(count * (4 + reply.length));
  await server.expectReasons('completed');
});

test('returns each client its own large messages, though read buffers are pooled', async () => {
  await using server = await start({ REPLY: '{message}', MAX_MESSAGE_BYTES: 2 ** 20 });
  const talk = async (n: number) => {
    const client = await server.dial();
    const frames = Array.from({ length: 6 }, (_, at) => frame(`${n},${at};`.repeat(6000 + 7000 * ((n + at) % 5))));
    for (const said of frames) {
      // In pieces, so that the clients' messages come between each other.
      for (let from = 0; from < said.length; from += 50_000) {
        client.send(said.subarray(from, from + 50_000));
        await new Promise(setImmediate);
      }
    }
    client.end();
    expect((await client.closed()).equals(Buffer.concat(frames))).toBe(true);
  };
  await Promise.all(Array.from({ length: 12 }, (_, n) => talk(n)));
});
