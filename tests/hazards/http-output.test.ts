/** Node's HTTP client reads one response per request, and no client bytes appear in a response head (response splitting). */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type LlhttpMessage, parseByLlhttp } from './http-fuzz/llhttp.ts';
import { cutAnywhere, places } from './support/hostile-bytes.ts';
import { type Exchange, handle, LAST, LASTING, MARK, streamed } from './support/http-exchanges.ts';
import { InMemoryServer } from './support/in-memory.ts';

const PIPELINES = 300;
const MAX_PIPELINED = 5;

const isFinal = ({ status }: LlhttpMessage) => status >= 200;

interface Received {
  status: number;
  closes: boolean;
  complete: boolean;
  /** Client bytes are in its head. */
  isMarked: boolean;
}

/** Parses responses, given which requests are HEAD. Throws if the bytes are not HTTP. */
function receive(exchanges: readonly Exchange[], bytes: Buffer): Received[] {
  const isBodiless = (messages: readonly LlhttpMessage[]) => {
    const place = messages.filter(isFinal).length - 1;
    return isFinal(messages.at(-1)!) && exchanges[place]?.isHead === true;
  };
  const { messages, error } = parseByLlhttp(bytes, { type: 'RESPONSE', ended: true, isBodiless });
  if (error !== undefined) throw new Error(`${error} in ${JSON.stringify(bytes.toString('latin1'))}`);
  return messages.filter(isFinal).map(({ status, keepAlive, complete, reason, fields }) => {
    const head = [reason, ...fields].join('\n').toLowerCase();
    return { status, closes: !keepAlive, complete, isMarked: head.includes(MARK.toLowerCase()) };
  });
}

/** One response per request. */
const expected = (exchanges: readonly Exchange[]): Received[] =>
  exchanges.map(({ status, closes = false }) => ({ status, closes, complete: true, isMarked: false }));

const pipeline = fc.tuple(
  fc.array(fc.constantFrom(...LASTING), { minLength: 1, maxLength: MAX_PIPELINED }),
  fc.option(fc.constantFrom(...LAST), { nil: undefined }),
);
const bytesOf = (exchanges: readonly Exchange[]) =>
  Buffer.from(exchanges.map(({ request }) => request).join(''), 'latin1');

/** Split at random, or after every head, so that a body with `Expect: 100-continue` has not arrived. */
const cut = fc.oneof(places, fc.constant('behind heads' as const));

function piecesOf(bytes: Buffer, how: number[] | 'behind heads'): Buffer[] {
  if (how !== 'behind heads') return cutAnywhere(bytes, how);
  const pieces = bytes.toString('latin1').split(/(?<=\r\n\r\n)/);
  return pieces.map((piece) => Buffer.from(piece, 'latin1'));
}

test('every pipelined request gets one response, however it is split, and no response head holds client bytes', async () => {
  await using server = await InMemoryServer.start({ handler: handle });
  const property = fc.asyncProperty(pipeline, cut, async ([lasting, last], how) => {
    const exchanges = last === undefined ? lasting : [...lasting, last];
    const { said } = await server.converse(piecesOf(bytesOf(exchanges), how), 'closes');
    expect(receive(exchanges, said)).toEqual(expected(exchanges));
  });
  await fc.assert(property, { numRuns: PIPELINES });
});

test.for(['1.1', '1.0'])(
  'an event stream is the last response of a pipeline, and ends at shutdown, in HTTP/%s',
  async (version) => {
    await using server = await InMemoryServer.start({ handler: handle });
    const exchanges = [LASTING[0]!, streamed(version)];
    const steps = [bytesOf(exchanges), { pauseMs: 1000 }, bytesOf(LASTING), { drain: true } as const];
    const { said } = await server.converse(steps, 'stays');
    expect(receive(exchanges, said)).toEqual(expected(exchanges));
  },
);
