/** Log injection and foreign pages: one line per event, whatever clients send, and no access for other origins. */
import { isUtf8 } from 'node:buffer';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { CloseReason } from '@knock/server/net/close-reason';
import { createLog } from '@knock/shared/log/log';
import fc, { type Arbitrary } from 'fast-check';
import { expect, test } from 'vitest';

import { counted, scaled } from '../scorecard/measured.ts';
import { cutAnywhere, hostileStream, places } from './support/hostile-bytes.ts';
import { type Ending, InMemoryServer } from './support/in-memory.ts';
import { PROTOCOLS, say } from './support/protocols.ts';

const LINE = 'log-and-hosts';
/** In characters, with many for escapes: excerpts of a message and its reply, twice each, and a stack. */
const LONGEST_LINE = 8192;
const SESSIONS = scaled({ test: 1000, scorecard: 10_000 });

/** Strings that break, forge or hide lines, or control a terminal. */
const TRICKS = [
  ...Array.from(
    '\n\r\0\b\t\v\f\x1b\x7f\x80\x85\x90\x9b\x9f\u00a0\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\u3000\ufeff\ufff9\u{e0041}"\\',
  ),
  '\r\n',
  '\x1b[2J',
  '\x1b]0;title\x07',
  '\x9b31m',
  '\\n',
  '\\u{1b}',
  '","reason":"completed"}',
  '{"level":30,"reason":"completed"}',
  '%s%n',
  '[08:31:57.615] INFO: forged',
  '\n    at forged (\x1b[2J\x9b31m\u202e)',
  '\n    at forged (file:///forged.js:1:1)',
];

const trickText = fc
  .array(fc.oneof(fc.constantFrom(...TRICKS), fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 6 })
  .map((parts) => parts.join(''));
const trick = fc.tuple(fc.constantFrom(...PROTOCOLS), trickText).map(([protocol, text]) => say(protocol, text));
/** Few enough messages at once for the log's queue, which drops lines when it is full. */
const fewMessages = hostileStream.filter(({ length }) => length < 500);
const streams: Arbitrary<Buffer> = fc.oneof(fewMessages, trick);
const sessionsArbitrary = fc.tuple(streams, places, fc.constantFrom<Ending>('closes', 'stays', 'resets'));

/** Never in a line: C0, DEL, C1, bidi controls, line and paragraph separators, invisible characters. */
const RAW = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;

/** The start of a pretty line, and of a stack line below an error. */
const EVENT = /^\[\d\d:\d\d:\d\d\.\d{3}\] [A-Z]+: /;
const PLACE = /^ {4}(?:stack:$| +at )/;

/** Lines as a terminal, or a program that reads lines, splits them. */
function linesOf(log: Buffer): string[] {
  expect(isUtf8(log)).toBe(true);
  const text = log.toString();
  expect(text.endsWith('\n')).toBe(true);
  return text.slice(0, -1).split('\n');
}

/** A typical handler: it replies, or throws an error that quotes the message. */
function quarrelsome(message: string): string {
  if (message.length % 3 === 0) throw new Error(`cannot make sense of ${message}`);
  return message;
}

type Session = [stream: Buffer, cuts: number[], ending: Ending];

/** The log of these sessions, and the number of handled messages. */
async function logOf(sessions: Session[], format: 'json' | 'pretty'): Promise<{ log: Buffer; heard: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'knock-log-'));
  const path = join(directory, 'log');
  // The logger writes to any descriptor as to stdout, and closes it.
  const log = createLog({ level: 'debug', format, name: 'server-1', to: openSync(path, 'w') as 1 });
  let heard = 0;
  {
    await using server = await InMemoryServer.start({ logger: log.logger, handler: quarrelsome });
    for (const [stream, cuts, ending] of sessions) {
      heard += (await server.converse(cutAnywhere(stream, cuts), ending)).heard.length;
    }
  }
  await log.close();
  const bytes = await readFile(path);
  await rm(directory, { recursive: true });
  return { log: bytes, heard };
}

/** The line at the end of a session. */
interface Closing {
  connection: number;
  reason: CloseReason;
}

test('logs exactly one line per event, without raw control characters, for any input', async (context) => {
  const seed = Date.now() % 2 ** 31;
  const sessions = fc.sample(sessionsArbitrary, { numRuns: SESSIONS, seed });
  const json = await logOf(sessions, 'json');
  const pretty = await logOf(sessions, 'pretty');

  const lines = linesOf(json.log);
  const parsed = lines.map((line) => JSON.parse(line) as Partial<Closing>);
  const closings = parsed.filter((line): line is Closing => 'reason' in line);
  const strange = closings.filter(({ reason }) => reason === 'tls_error' || reason === 'unknown_protocol');
  // At this level each message is an event.
  const events = sessions.length + strange.length + json.heard;
  const prettyLines = linesOf(pretty.log);
  const begun = prettyLines.filter((line) => EVENT.test(line));
  const astray =
    Math.abs(closings.length - sessions.length) + Math.abs(lines.length - events) + Math.abs(begun.length - events);
  counted(context, {
    line: LINE,
    what: 'missing or surplus log lines, json and pretty',
    count: astray,
    of: 2 * sessions.length,
  });
  const raw = [...lines, ...prettyLines].filter((line) => RAW.test(line));
  counted(context, {
    line: LINE,
    what: 'log lines with raw control characters',
    count: raw.length,
    of: lines.length + prettyLines.length,
  });

  expect(raw, `seed ${seed}`).toEqual([]);
  expect(new Set(closings.map(({ connection }) => connection)).size).toBe(sessions.length);
  expect({ closings: closings.length, lines: lines.length, begun: begun.length }).toEqual({
    closings: sessions.length,
    lines: events,
    begun: events,
  });
  // Other lines are real stack lines, not forged ones.
  expect(prettyLines.filter((line) => !EVENT.test(line) && (!PLACE.test(line) || line.includes('forged')))).toEqual([]);
});

test.each(['json', 'pretty'] as const)(
  'as %s, lines stay short even if messages and errors are long',
  async (format) => {
    const long = '\x1b'.repeat(65_535);
    const { log } = await logOf(
      PROTOCOLS.map((protocol) => [say(protocol, long), [], 'closes']),
      format,
    );
    expect(Math.max(...linesOf(log).map((line) => line.length))).toBeLessThan(LONGEST_LINE);
  },
);

/** What a browser sends for a foreign page, or with a foreign host name. */
const FOREIGN: { name: string; head: string }[] = [
  ...[
    'evil.example',
    'evil.example:12000',
    'localhost.evil.example',
    'evil.example.',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    '',
    'evil.example\r\nHost: localhost',
  ].map((host) => ({ name: `Host: ${host}`, head: `POST / HTTP/1.1\r\nHost: ${host}\r\n` })),
  { name: 'a foreign address', head: 'POST http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n' },
  ...[
    'https://evil.example',
    'http://localhost.evil.example',
    'http://localhost:3000',
    'null',
    'file://',
    'http://localhost@evil.example',
    '',
  ].map((origin) => ({
    name: `Origin: ${origin}`,
    head: `POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\n`,
  })),
  ...[
    'cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image',
    'same-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty',
    'cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe',
    'cross-site\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Dest: websocket',
    'cross-site',
  ].map((fetch) => ({
    name: `Sec-Fetch-Site: ${fetch}`,
    head: `GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: ${fetch}\r\n`,
  })),
  {
    name: 'a form',
    head: 'POST / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n',
  },
  {
    name: 'a preflight',
    head: 'OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n',
  },
];

const OWN = [
  'GET / HTTP/1.1\r\nHost: localhost.\r\n',
  'GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n',
  'POST / HTTP/1.1\r\nHost: localhost:12000\r\nOrigin: http://localhost:12000\r\nSec-Fetch-Site: same-origin\r\n',
  'GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n',
];

test('rejects requests from foreign pages, whatever their headers, and never allows one by CORS', async (context) => {
  expect(FOREIGN.length).toBeGreaterThanOrEqual(20);
  await using server = await InMemoryServer.start();
  const ask = async (head: string) => {
    const { heard, said } = await server.converse([Buffer.from(`${head}Connection: close\r\n\r\n`)], 'closes');
    expect(said.toString()).not.toMatch(/access-control/i);
    return { handled: heard.length, status: Number(/^HTTP\/1\.1 (\d+) /.exec(said.toString())?.[1]) };
  };
  const letIn: unknown[] = [];
  for (const { name, head } of FOREIGN) {
    const { handled, status } = await ask(head);
    if (handled > 0 || (status !== 403 && status !== 400)) letIn.push({ name, handled, status });
  }
  counted(context, {
    line: LINE,
    what: 'foreign hosts and origins accepted',
    count: letIn.length,
    of: FOREIGN.length,
  });
  expect(letIn).toEqual([]);
  for (const head of OWN) expect(await ask(head)).toEqual({ handled: 1, status: 200 });
});
