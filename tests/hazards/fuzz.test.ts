/** Fuzzing: for any input, the handler gets exactly the messages in it. */
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
/** Small, so that random messages often exceed it. */
const MAX_MESSAGE_BYTES = 100;
const END_WITHIN_MS = 8000;
/** Close reasons of clients that half-close or reset. */
const ENDS: CloseReason[] = ['client_closed', 'truncated', 'too_large', 'malformed', 'unknown_protocol', 'tls_error'];

/** Replies in brackets: a message can then neither look like an error reply nor lose its end. */
function repliesIn(said: Buffer, { protocol, methods }: Held, { whole }: { whole: boolean }): string[] {
  if (protocol === undefined) return [];
  return answers(protocol, said, methods).flatMap(({ kind, text }) => {
    if (kind === 'reply') return [text];
    // HEAD counts as the empty message, and gets no body.
    if (kind === 'head' && text === '200 2') return ['[]'];
    // A client that never sends LF gets none.
    return kind === 'part' && protocol === 'text' && whole ? [Buffer.from(text, 'latin1').toString()] : [];
  });
}

const inBrackets = (messages: string[]) => messages.map((message) => `[${message}]`);

/** Handler timing: synchronous, a microtask, or a turn of the event loop. */
const HANDLERS = {
  'at once': (message: string) => `[${message}]`,
  'in a moment': (message: string) => Promise.resolve(`[${message}]`),
  'in a while': async (message: string) => {
    await new Promise(setImmediate);
    return `[${message}]`;
  },
};
const pace = fc.constantFrom(...(Object.keys(HANDLERS) as (keyof typeof HANDLERS)[]));

test('for any bytes, split anywhere, the handler gets exactly the messages in them, and every connection ends', async (context) => {
  let handler: (message: string) => string | Promise<string> = HANDLERS['at once'];
  await using server = await InMemoryServer.start({ MAX_MESSAGE_BYTES, handler: (message) => handler(message) });
  const ending = fc.constantFrom<Ending>('closes', 'stays', 'resets');
  const property = fc.asyncProperty(hostileStream, places, ending, pace, async (bytes, cuts, end, how) => {
    handler = HANDLERS[how];
    const { heard, said, reason } = await server.converse(cutAnywhere(bytes, cuts), end);
    const held = messagesIn(bytes, { closed: end === 'closes', maxBytes: MAX_MESSAGE_BYTES });
    // A reset may arrive before the handler got all messages.
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

/** All that the server sent; undefined: the connection did not end. */
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

test('over a socket, hostile bytes, half-closes and random resets have the same results, and the server stays healthy', async (context) => {
  await using server = await new KnockServerContainer()
    // Only clients end messages, not a stall of this machine.
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
  // No connection ended by a timeout or an unnamed error.
  const reasons = (ended: object) => Object.keys(ended).every((reason) => ENDS.includes(reason as CloseReason));
  await server.expectClosed(before, expect.toSatisfy(reasons));
  await server.expectHealthy(before);
});
