/** A second request that hides in the first, or behind it: what counts is what the handler was asked, not the status. */
import { isDeepStrictEqual } from 'node:util';

import { expect, test } from 'vitest';

import { counted } from '../scorecard/measured.ts';
import { InMemoryServer, type Outcome, type Step } from './support/in-memory.ts';
import { type Form, FORMS } from './support/smuggling-forms.ts';

const LINE = 'request-smuggling';
const LEAST_FORMS = 40;
/** Longer than the pause that ends a message of text. */
const PAUSE: Step = { pauseMs: 300 };

interface Replay {
  cut: number;
  paused: boolean;
  steps: Step[];
}

/** From where on a pause no longer makes it text, nor messages of empty lines: behind the beginning of a target, or, where no valid request begins, behind the line. */
function decidedAt(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  const [beginning] = /^(?:\r?\n)*(?:POST|GET|HEAD|DELETE) [/*h]/.exec(text) ?? /^\s*.*\n/.exec(text) ?? [text];
  return beginning.length;
}

/** The form cut at every place; and, where it is HTTP, with a pause there, as soon as a pause no longer makes it text. */
function* replays(bytes: Buffer, isHttp: boolean): Generator<Replay> {
  const decided = decidedAt(bytes);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const [before, behind] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    yield { cut, paused: false, steps: [before, behind] };
    if (isHttp && cut >= decided) yield { cut, paused: true, steps: [before, PAUSE, behind] };
  }
}

/** What was decided, apart from the words, the date, and whether a client was told to continue, which depends on the cut. */
function verdict({ heard, said, reason }: Outcome) {
  return { heard, statuses: said.toString('latin1').match(/HTTP\/1\.1 [2-5]\d+/g), reason };
}

/** Plays a form in one piece and in all replays: how many, and where something else was decided than the form says. */
async function play(server: InMemoryServer, { bytes, heard }: Form) {
  const stream = Buffer.from(bytes, 'latin1');
  const whole = verdict(await server.converse([stream], 'closes'));
  const expected = { ...whole, heard };
  const wrong: unknown[] = isDeepStrictEqual(whole, expected) ? [] : [whole];
  let played = 1;
  for (const { cut, paused, steps } of replays(stream, whole.statuses !== null)) {
    played += 1;
    const outcome = verdict(await server.converse(steps, 'closes'));
    if (!isDeepStrictEqual(outcome, expected)) wrong.push({ cut, paused, ...outcome });
  }
  return { played, wrong };
}

test('handles no request that was smuggled in, in any of the known forms, wherever it is cut and however long it pauses there', async (context) => {
  expect(FORMS.length).toBeGreaterThanOrEqual(LEAST_FORMS);
  expect(new Set(FORMS.map(({ bytes }) => bytes)).size).toBe(FORMS.length);
  await using server = await InMemoryServer.start();
  let played = 0;
  let wrong = 0;
  const failures: Record<string, unknown> = {};
  for (const form of FORMS) {
    const result = await play(server, form);
    played += result.played;
    wrong += result.wrong.length;
    if (result.wrong.length > 0) failures[form.name] = result.wrong[0];
  }
  const what = `second requests handled, or another answer given, in ${FORMS.length} forms cut at every place`;
  counted(context, { line: LINE, what, count: wrong, of: played });
  expect(failures).toEqual({});
});

test('handles both of two requests that are valid, so that a form which is refused is refused for what is wrong with it', async () => {
  await using server = await InMemoryServer.start();
  const valid: Form = {
    name: 'two requests',
    bytes:
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\none\r\n0\r\nX: y\r\n\r\n' +
      '\r\nPOST / HTTP/1.1\r\nHost: a\r\nX: \t y \r\nContent-Length: 3 \r\n\r\ntwo',
    heard: ['one', 'two'],
  };
  expect(await play(server, valid)).toMatchObject({ wrong: [] });
});
