/** Bytes as nobody planned them: whatever comes, the handler hears exactly the messages that they hold. */
import { isDeepStrictEqual } from 'node:util';

import type { CloseReason } from '@knock/server/net/close-reason';
import { RawClient } from '@knock/server/test/raw-client';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { counted, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer } from '../support/knock-server.ts';
import { cutAnywhere, hostileStream, places } from './support/hostile-bytes.ts';
import { type Ending, InMemoryServer } from './support/in-memory.ts';
import { paced } from './support/pacing.ts';
import { answers } from './support/protocols.ts';
import { type Held, messagesIn } from './support/reference-decoder.ts';
import { counterexample } from './support/tried.ts';

const LINE = 'fuzzing';
const IN_PROCESS = scaled({ test: 3000, scorecard: 100_000 });
const OVER_A_SOCKET = 500;
/** Small, so that random messages are above it often enough. */
const MAX_MESSAGE_BYTES = 100;
const END_WITHIN_MS = 8000;
/** What ends those who close their side or break off. */
const ENDS: CloseReason[] = ['client_closed', 'truncated', 'too_large', 'malformed', 'unknown_protocol', 'tls_error'];

/** The replies that were said, in brackets: so no message can look like an error reply, or lose its end. */
function repliesIn(said: Buffer, { protocol, methods }: Held, { whole }: { whole: boolean }): string[] {
  if (protocol === undefined) return [];
  return answers(protocol, said, methods).flatMap(({ kind, text }) => {
    if (kind === 'reply') return [text];
    // HEAD is the empty message, and its reply is not sent.
    if (kind === 'head' && text === '200 2') return ['[]'];
    // A client that never sends a line feed gets none.
    return kind === 'part' && protocol === 'text' && whole ? [Buffer.from(text, 'latin1').toString()] : [];
  });
}

const inBrackets = (messages: string[]) => messages.map((message) => `[${message}]`);

/** How a handler takes its time: not at all, a moment, or a turn of the loop. */
const HANDLERS = {
  'at once': (message: string) => `[${message}]`,
  'in a moment': (message: string) => Promise.resolve(`[${message}]`),
  'in a while': async (message: string) => {
    await new Promise(setImmediate);
    return `[${message}]`;
  },
};
const pace = fc.constantFrom(...(Object.keys(HANDLERS) as (keyof typeof HANDLERS)[]));

test('whatever bytes come, cut anywhere, the handler hears exactly the messages that they hold, and everybody gets an end', async (context) => {
  let handler: (message: string) => string | Promise<string> = HANDLERS['at once'];
  await using server = await InMemoryServer.start({ MAX_MESSAGE_BYTES, handler: (message) => handler(message) });
  const ending = fc.constantFrom<Ending>('closes', 'stays', 'resets');
  const property = fc.asyncProperty(hostileStream, places, ending, pace, async (bytes, cuts, end, how) => {
    handler = HANDLERS[how];
    const { heard, said, reason } = await server.converse(cutAnywhere(bytes, cuts), end);
    const held = messagesIn(bytes, { closed: end === 'closes', maxBytes: MAX_MESSAGE_BYTES });
    // Whoever breaks off may do it before the handler was asked for everything.
    const expected = end === 'resets' ? held.messages.slice(0, heard.length) : held.messages;
    expect(heard).toEqual(expected);
    const replies = repliesIn(said, held, { whole: end !== 'resets' });
    expect(replies).toEqual(inBrackets(end === 'resets' ? heard.slice(0, replies.length) : heard));
    expect(reason).toMatch(
      /^(?:completed|client_closed|truncated|too_large|malformed|unknown_protocol|tls_error|\w+_timeout)$/,
    );
  });
  const what = 'crashes, hangs and changed messages in process';
  expect(await counterexample(context, { line: LINE, what, runs: IN_PROCESS, property })).toBeUndefined();
});

interface Call {
  pieces: Buffer[];
  resets: boolean;
  held: Held;
}

const call = fc
  .record({ bytes: hostileStream, cuts: places, resets: fc.boolean() })
  .map(({ bytes, cuts, resets }): Call => {
    const held = messagesIn(bytes, { closed: true, maxBytes: MAX_MESSAGE_BYTES });
    return { pieces: cutAnywhere(bytes, cuts), resets, held };
  });

/** All that came back; undefined: there was no end to it. */
async function play(client: RawClient, { pieces, resets }: Call): Promise<Buffer | undefined> {
  for (const piece of pieces) {
    client.send(piece);
    await new Promise(setImmediate);
  }
  if (resets) client.socket.resetAndDestroy();
  else client.end();
  const tooLate = AbortSignal.timeout(END_WITHIN_MS);
  return Promise.race([
    client.closed(),
    new Promise<undefined>((resolve) => tooLate.addEventListener('abort', () => resolve(undefined))),
  ]);
}

test('over a socket, hostile bytes, half-closes and resets at random places are answered alike, and the server stays well', async (context) => {
  await using server = await new KnockServerContainer()
    // No pause of this machine is to end a message: only what a client does.
    .withSettings({ MAX_MESSAGE_BYTES: String(MAX_MESSAGE_BYTES), REPLY: '[{message}]', TEXT_IDLE_MS: '60000' })
    .start();
  const before = await server.numbers();
  const { host, port } = await server.address();
  const seed = Date.now() % 2 ** 31;
  const calls = fc.sample(call, { numRuns: OVER_A_SOCKET, seed });
  const said = await paced(calls.length, async (n) => play(await RawClient.to(port, host), calls[n]!), 100);

  const wrong = calls.flatMap(({ pieces, resets, held }, n) => {
    const replies = said[n] && repliesIn(said[n], held, { whole: !resets });
    const expected = inBrackets(resets ? held.messages.slice(0, replies?.length) : held.messages);
    return isDeepStrictEqual(replies, expected)
      ? []
      : [{ sent: pieces.map((piece) => piece.toString('latin1')), resets, expected, replies }];
  });
  const what = 'crashes, hangs and changed messages over a socket';
  counted(context, { line: LINE, what, count: wrong.length, of: calls.length });
  expect(wrong, `seed ${seed}`).toEqual([]);
  // Nobody was left to a timeout, and nothing went wrong that has no name.
  const reasons = (ended: object) => Object.keys(ended).every((reason) => ENDS.includes(reason as CloseReason));
  await server.expectClosed(before, expect.toSatisfy(reasons));
  await server.expectHealthy(before);
});
