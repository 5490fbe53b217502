/** Request smuggling: a second request hidden in or behind the first. What counts is what the handler got, not the status. */
import { isDeepStrictEqual } from 'node:util';

import { expect, test } from 'vitest';

import { counted } from '../scorecard/measured.ts';
import { InMemoryServer, type ConnectionResult, type Step } from './support/in-memory.ts';
import { type Form, FORMS } from './support/smuggling-forms.ts';

const LINE = 'request-smuggling';
const LEAST_FORMS = 40;
/** Longer than TEXT_IDLE_MS. */
const PAUSE: Step = { pauseMs: 300 };

interface Replay {
  cut: number;
  paused: boolean;
  steps: Step[];
}

/** From this offset on, a pause no longer turns it into text or empty lines: after the start of a target, or, without a valid request line, after the line. */
function decidedAt(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  const [beginning] = /^(?:\r?\n)*(?:POST|GET|HEAD|DELETE) [/*h]/.exec(text) ?? /^\s*.*\n/.exec(text) ?? [text];
  return beginning.length;
}

/** The form split at every place; for HTTP also with a pause there, from the offset above on. */
function* replays(bytes: Buffer, isHttp: boolean): Generator<Replay> {
  const decided = decidedAt(bytes);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const [before, behind] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    yield { cut, paused: false, steps: [before, behind] };
    if (isHttp && cut >= decided) yield { cut, paused: true, steps: [before, PAUSE, behind] };
  }
}

/** The result without texts, dates, and `100 Continue`, which depends on the split. */
function verdict({ heard, said, reason }: ConnectionResult) {
  return { heard, statuses: said.toString('latin1').match(/HTTP\/1\.1 [2-5]\d+/g), reason };
}

/** Plays a form whole and in all splits; returns their number, and those with a different result. */
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

test('handles no smuggled request in any known form, wherever it is split or pauses', async (context) => {
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
  const what = `second requests handled, or different responses, in ${FORMS.length} forms split at every place`;
  counted(context, { line: LINE, what, count: wrong, of: played });
  expect(failures).toEqual({});
});

test('handles both of two valid requests: rejected forms are rejected for their defect', async () => {
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
