import { FrameCodec } from '@knock/shared/codec/frames';
/** Bugs in the server's own code: each costs one connection, is logged with its stack, and never ends the process. */
import { HttpCodec } from '@knock/shared/codec/http/request-codec';
import { LineCodec } from '@knock/shared/codec/lines';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ConnectionSampler } from '../src/live/connection-sampler.ts';
import { LiveFeed } from '../src/live/feed.ts';
import { ProtocolDetector } from '../src/protocols/detector.ts';
import { Session } from '../src/protocols/session.ts';
import { Metrics } from '../src/telemetry/metrics.ts';
import { frame } from './raw-client.ts';
import { start, type TestServer } from './test-server.ts';

const GET_NOTHING = 'GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n';
const GET_METRICS = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n';
const GET_EVENTS = 'GET /events HTTP/1.1\r\nHost: a\r\n\r\n';

const fault = () => {
  throw new Error('a fault');
};

/** Errors that would have ended the process. */
const fatal: unknown[] = [];
const keep = (error: unknown) => fatal.push(error);

beforeEach(() => {
  fatal.length = 0;
  process.on('uncaughtException', keep);
  process.on('unhandledRejection', keep);
});

afterEach(() => {
  vi.restoreAllMocks();
  process.off('uncaughtException', keep);
  process.off('unhandledRejection', keep);
});

async function expectOneFault(server: TestServer): Promise<void> {
  await server.expectReasons('error');
  expect(fatal).toEqual([]);
  const faults = server.lines.filter(({ msg }) => msg.includes('internal error closed the connection'));
  expect(faults).toHaveLength(1);
  expect(faults[0]!['stack']).toMatch(/^ {4}at /);
  vi.restoreAllMocks();
  await server.expectHealthy();
}

test.each([
  ['frames', FrameCodec, frame('x')],
  ['text', LineCodec, 'x\n'],
  ['http', HttpCodec, GET_NOTHING],
] as const)('a fault in the encoder of %s costs one connection', async (_protocol, codec, bytes) => {
  await using server = await start();
  vi.spyOn(codec.prototype, 'encode').mockImplementation(fault);
  const client = await server.dial();
  client.send(bytes);
  // Not even the error can be encoded.
  expect(await client.closed()).toHaveLength(0);
  await expectOneFault(server);
});

test('a fault in the encoder behind a slow handler costs one connection', async () => {
  await using server = await start({
    handler: async (message) => {
      await new Promise(setImmediate);
      return message;
    },
  });
  vi.spyOn(FrameCodec.prototype, 'encode').mockImplementation(fault);
  const client = await server.dial();
  client.send(frame('x'));
  // Not even the error can be encoded.
  expect(await client.closed()).toHaveLength(0);
  await expectOneFault(server);
});

test('a fault in the encoder at a timeout costs one connection', async () => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 50 });
  vi.spyOn(FrameCodec.prototype, 'encode').mockImplementation(fault);
  const client = await server.dial();
  client.send(frame('xyz').subarray(0, 5));
  // Not even the error can be encoded.
  expect(await client.closed()).toHaveLength(0);
  await expectOneFault(server);
});

test.each(['push', 'next'] as const)(
  'a fault in `%s` of a decoder costs one connection, which gets an error',
  async (method) => {
    await using server = await start();
    vi.spyOn(FrameCodec.prototype, method).mockImplementation(fault);
    const client = await server.dial();
    client.send(frame('x'));
    expect((await client.closed()).toString()).toContain('failed: ');
    await expectOneFault(server);
  },
);

test('a fault in an asynchronous route is answered with 500', async () => {
  await using server = await start();
  vi.spyOn(Metrics.prototype, 'text').mockRejectedValue(new Error('a fault'));
  expect(await server.exchange(GET_METRICS)).toMatch(/^HTTP\/1\.1 500 /);
  await expectOneFault(server);
});

test('a fault behind the head of a streamed response adds no second response to it', async () => {
  await using server = await start({ LIVE_PAGE: 'on' });
  vi.spyOn(LiveFeed.prototype, 'subscribe').mockImplementation(fault);
  const client = await server.dial();
  client.send(GET_EVENTS);
  expect((await client.closed()).toString().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  await expectOneFault(server);
});

test('an error that cannot be encoded is counted as the fault only', async () => {
  await using server = await start();
  vi.spyOn(HttpCodec.prototype, 'encode').mockImplementationOnce(fault);
  expect(await server.exchange(GET_NOTHING)).toMatch(/^HTTP\/1\.1 500 /);
  await server.expectReasons('error');
  expect(server.lines.find((line) => 'reason' in line)!['errorReplies']).toEqual({ 500: 1 });
});

test.each([
  ['`onData` of the detector', ProtocolDetector, 'onData'],
  ['`onEnd` of the detector', ProtocolDetector, 'onEnd'],
  ['`begin` of a session', Session, 'begin'],
] as const)('a fault in %s costs one connection', async (_where, handler, method) => {
  await using server = await start();
  vi.spyOn(handler.prototype, method as 'onEnd').mockImplementation(fault);
  const client = await server.dial();
  if (method === 'onEnd') client.end();
  else client.send(frame('x'));
  expect((await client.closed()).toString()).not.toContain('hello');
  await expectOneFault(server);
});

test('a fault at the end of a pause costs one connection', async () => {
  await using server = await start({ TEXT_IDLE_MS: 50 });
  vi.spyOn(Session.prototype, 'begin').mockImplementation(fault);
  const client = await server.dial();
  client.send('x');
  expect(await client.closed()).toHaveLength(0);
  await expectOneFault(server);
});

test('a fault in the clean-up of a session costs no other connection', async () => {
  await using server = await start();
  vi.spyOn(Session.prototype, 'detach').mockImplementation(fault);
  const client = await server.dial();
  client.end(frame('x'));
  expect((await client.closed()).toString()).toContain('hello');
  await server.expectReasons('completed');
  expect(fatal).toEqual([]);
  expect(server.lines.filter(({ msg }) => msg.includes('internal error'))).toHaveLength(1);
  vi.restoreAllMocks();
  await server.expectHealthy();
});

test('a fault in the live feed closes the connections of its viewers', async () => {
  await using server = await start({ LIVE_PAGE: 'on' });
  const client = await server.dial();
  client.send(GET_EVENTS);
  await client.until('data: ');
  vi.spyOn(ConnectionSampler.prototype, 'takeUpdate').mockImplementation(fault);
  expect((await client.closed()).toString()).not.toMatch(/0\r\n\r\n$/);
  await expectOneFault(server);
});
