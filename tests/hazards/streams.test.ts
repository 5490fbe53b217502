/** TCP is a byte stream: it decodes to the same messages however it is split into chunks. */
import { isDeepStrictEqual } from 'node:util';

import { frame } from '@knock/server/test/raw-client';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { cutAnywhere, hostileStream, places } from './support/hostile-bytes.ts';
import { type Ending, InMemoryServer, type ConnectionResult, type Step } from './support/in-memory.ts';
import { say } from './support/protocols.ts';
import { counterexample } from './support/tried.ts';

const LINE = 'chunking';
const CHUNKINGS = scaled({ test: 2000, scorecard: 10_000 });
const ENDINGS: Ending[] = ['closes', 'stays'];
const REPLAYED_ENDINGS = scaled<Ending[]>({ test: ['closes'], scorecard: ENDINGS });
/** The longest stream that is also sent byte by byte, at a turn of the event loop per byte. */
const LONGEST_DRIP = 400;

const CHUNKED = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const NEVER = 'never heard';

/**
 * The result without dates, and without `100 Continue`, which rightly depends on how much of the body came with the head.
 */
function decided({ heard, said, reason }: ConnectionResult) {
  const text = said.toString('latin1').replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '');
  return { heard, said: text.replaceAll(/^Date: .*\r\n/gm, ''), reason };
}

/** All ways to split `length` bytes into two or three pieces. */
function* cuts(length: number): Generator<number[]> {
  for (let first = 1; first < length; first += 1) {
    yield [first];
    for (let second = first + 1; second < length; second += 1) yield [first, second];
  }
}

function cutAt(bytes: Buffer, at: number[]): Buffer[] {
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
}

test.for([
  {
    what: 'three frames',
    stream: Buffer.concat([frame('Hello'), frame('naïve 世界 👋'), frame('')]),
    heard: ['Hello', 'naïve 世界 👋', ''],
  },
  {
    what: 'frames, two of them faulty',
    stream: Buffer.concat([Buffer.from('00000002c328', 'hex'), frame('good'), frame('busy: me', 1), frame(NEVER)]),
    heard: ['good'],
  },
  {
    what: 'lines of text',
    stream: Buffer.from('GET well soon\r\n\nnaïve 世界 👋\nthe last one\n'),
    heard: ['GET well soon', '', 'naïve 世界 👋', 'the last one'],
  },
  {
    what: 'text that starts like a request',
    stream: Buffer.from('POST / is a line\r\nHost: a\r\n'),
    heard: ['POST / is a line', 'Host: a'],
  },
  {
    what: 'an almost valid request',
    stream: Buffer.concat([Buffer.from('post / HTTP/2.0\r\nCookie: a=b\r\n\r\n'), say('HTTP', NEVER)]),
    heard: [],
  },
  {
    what: 'two requests',
    stream: Buffer.concat([
      say('HTTP', 'naïve 👋'),
      Buffer.from(`${CHUNKED}3;x=y\r\none\r\n2\r\n\r\n\r\n0\r\nX: y\r\n\r\n`),
    ]),
    heard: ['naïve 👋', 'one\r\n'],
  },
  {
    what: 'a request, then a line that is not one',
    stream: Buffer.concat([say('HTTP', 'one'), frame(NEVER), say('HTTP', NEVER)]),
    heard: ['one'],
  },
])('decodes the same, wherever it is split once or twice: $what', async ({ what, stream, heard }, context) => {
  await using server = await InMemoryServer.start();
  const differing: unknown[] = [];
  let replayed = 0;
  for (const ending of REPLAYED_ENDINGS) {
    const whole = decided(await server.converse([stream], ending));
    expect(whole.heard).toEqual(heard);
    for (const at of cuts(stream.length)) {
      replayed += 1;
      const cut = decided(await server.converse(cutAt(stream, at), ending));
      if (!isDeepStrictEqual(cut, whole)) differing.push({ ending, at, cut });
    }
  }
  counted(context, {
    line: LINE,
    what: `${what}, split at every one and two places`,
    count: differing.length,
    of: replayed,
  });
  expect(differing).toEqual([]);
});

test('any stream, valid or not, decodes the same however it is split', async (context) => {
  await using server = await InMemoryServer.start();
  const property = fc.asyncProperty(hostileStream, places, fc.constantFrom(...ENDINGS), async (bytes, cut, ending) => {
    const whole = decided(await server.converse([bytes], ending));
    expect(decided(await server.converse(cutAnywhere(bytes, cut), ending))).toEqual(whole);
    if (bytes.length > LONGEST_DRIP) return;
    const each = Array.from(bytes, (byte) => Buffer.of(byte));
    expect(decided(await server.converse(each, ending))).toEqual(whole);
  });
  const what = 'random streams, split at random and into single bytes';
  expect(await counterexample(context, { line: LINE, what, runs: CHUNKINGS, property })).toBeUndefined();
});

/** Redis' three regression tests for protocol desync: these bytes, then endless blocks. */
const SEEDS = ['\0', '*\0', '$\0'];
/** Without redis' final LF, which would make each block a text message. */
const BLOCK = Buffer.alloc(1024, 'A');
/** These would be messages if parsing went on after the error. */
const BEHIND = [Buffer.from(`\n${NEVER}\n`), frame(NEVER), say('HTTP', NEVER)];
const MESSAGE_TIMEOUT_MS = 10_000;
const LINGER_MS = 1000;

test('after redis’ seeds and endless blocks, the connection ends in bounded time, and nothing more is parsed', async (context) => {
  await using server = await InMemoryServer.start();
  const blocks = Array.from({ length: 100 }, () => BLOCK);
  const dripping: Step[] = blocks.flatMap((block) => [block, { pauseMs: 200 }]);
  const ms: Record<'flood' | 'drip', number[]> = { flood: [], drip: [] };
  for (const seed of SEEDS) {
    const flood = await server.converse([Buffer.from(seed), ...blocks, ...BEHIND], 'stays');
    expect(flood).toMatchObject({ heard: [], reason: 'too_large' });
    ms.flood.push(flood.ms);
    const drip = await server.converse([Buffer.from(seed), ...dripping, ...BEHIND], 'stays');
    expect(drip).toMatchObject({ heard: [], reason: seed === '\0' ? 'too_large' : 'message_timeout' });
    ms.drip.push(drip.ms);
  }
  // A client that stays after its error reply is disconnected a little later.
  const whats = {
    flood: 'redis’ seeds and a flood: until the close',
    drip: 'redis’ seeds and 5 KiB/s: until the close',
  };
  measured(context, { line: LINE, what: whats.flood, values: ms.flood, unit: 'ms' });
  measured(context, { line: LINE, what: whats.drip, values: ms.drip, unit: 'ms' });
  expect(Math.max(...ms.flood)).toBeLessThanOrEqual(LINGER_MS);
  expect(Math.max(...ms.drip)).toBeLessThanOrEqual(MESSAGE_TIMEOUT_MS + LINGER_MS);
});
