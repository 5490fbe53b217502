/** Valid UTF-8 arrives unchanged, invalid UTF-8 is rejected, and no character is ever replaced. */
import { isUtf8 } from 'node:buffer';

import fc, { type Arbitrary } from 'fast-check';
import { expect, test } from 'vitest';

import { scaled } from '../scorecard/measured.ts';
import { cutAnywhere, places } from './support/hostile-bytes.ts';
import { InMemoryServer } from './support/in-memory.ts';
import { answers, type Protocol, PROTOCOLS, replies, say } from './support/protocols.ts';
import { counterexample } from './support/tried.ts';

const LINE = 'characters';
const STRINGS = scaled({ test: 1000, scorecard: 10_000 });

const REPLACEMENT = Buffer.from('\uFFFD');

const hex = (...lines: string[]) =>
  lines
    .join(' ')
    .split(' ')
    .map((digits) => Buffer.from(digits, 'hex'));
/** Sequences that decoders get wrong, in hexadecimal: RFC 3629 sections 3, 4 and 10, and Unicode's table 3-7. */
const VALID = hex(
  // The smallest and largest code points of each length.
  '41 00 7f c280 c2a9 dfbf e0a080 e282ac ed9fbf ee8080 efbfbd efbfbf f0908080 f09f918b f48fbfbf',
  // Combining, joining and invisible characters, and a byte order mark.
  '65cc81 f09f91a9e2808df09f9a80 e2808b e280a8 efbbbf',
);
const FAULTY = hex(
  // Truncated.
  'c2 e2 e282 f0 f09f f09f91 efbb',
  // Overlong.
  'c080 c1bf e08080 e09fbf f0808080 f08fbfbf',
  // Surrogates, alone and in pairs.
  'eda080 edbfbf eda0bdedb88a',
  // Above the last code point, stray continuation bytes, and obsolete lead bytes.
  'f4908080 f5808080 80 bf ff fe f888808080 fc8480808080',
);

const pieces = [VALID, [...VALID, ...FAULTY]].map((all) =>
  fc.array(fc.constantFrom(...all), { maxLength: 8 }).map((some) => Buffer.concat(some)),
);
const texts = fc.string({ unit: 'binary', maxLength: 16 }).map((text) => Buffer.from(text));
const noise = fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes));
const strings: Arbitrary<Buffer> = fc.oneof(...pieces, texts, noise);

/** Byte by byte, or split anywhere. */
const cuts = fc.oneof(fc.constant('each byte' as const), places);

function cut(stream: Buffer, how: 'each byte' | number[]): Buffer[] {
  return how === 'each byte' ? Array.from(stream, (byte) => Buffer.of(byte)) : cutAnywhere(stream, how);
}

/** A message that may not be UTF-8. */
function sayBytes(protocol: Protocol, message: Buffer): Buffer {
  const said = say(protocol, 'x'.repeat(message.length));
  message.copy(said, said.length - message.length - (protocol === 'text' ? 1 : 0));
  return said;
}

/** Without what a line of text cannot hold. */
const inOneLine = (bytes: Buffer) => Buffer.from(bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d));

function replacements(bytes: Buffer): number {
  return bytes.toString('latin1').split(REPLACEMENT.toString('latin1')).length - 1;
}

const errorReply = (protocol: Protocol, httpStatus: number, code: string) => ({
  kind: 'errorReply',
  text: expect.stringMatching(`^${protocol === 'HTTP' ? `${httpStatus} ` : ''}${code}: `),
});

test('every byte string arrives unchanged if it is UTF-8, and is rejected if not, wherever its characters are split', async (context) => {
  await using server = await InMemoryServer.start();
  const property = fc.asyncProperty(strings, cuts, async (bytes, how) => {
    for (const protocol of PROTOCOLS) {
      const message = protocol === 'text' ? inOneLine(bytes) : bytes;
      const valid = isUtf8(message);
      const stream = Buffer.concat([say(protocol, 'one'), sayBytes(protocol, message), say(protocol, 'two')]);
      const { heard, said } = await server.converse(cut(stream, how), 'closes');
      const expected = [Buffer.from('one'), ...(valid ? [message] : []), Buffer.from('two')];
      expect(heard.map((text) => Buffer.from(text))).toEqual(expected);
      const answer = valid ? replies([message.toString()]) : [errorReply(protocol, 400, 'bad_utf8')];
      expect(answers(protocol, said)).toEqual([...replies(['one']), ...answer, ...replies(['two'])]);
      expect(replacements(said)).toBe(valid ? replacements(message) : 0);
    }
  });
  const what = 'byte strings decoded wrongly, each in frames, text and HTTP';
  expect(await counterexample(context, { line: LINE, what, runs: STRINGS, property })).toBeUndefined();
});

test.each(PROTOCOLS)('keeps byte order marks at the start and in the middle, in %s', async (protocol) => {
  await using server = await InMemoryServer.start();
  for (const how of ['each byte', []] as const) {
    const stream = sayBytes(protocol, Buffer.from('\uFEFFone\uFEFFtwo'));
    const { heard, said } = await server.converse(cut(stream, how as 'each byte' | number[]), 'closes');
    expect(heard).toEqual(['\uFEFFone\uFEFFtwo']);
    expect(answers(protocol, said)).toEqual(replies(heard));
  }
});

test('a reply with a lone surrogate is `failed`, and every other character arrives unchanged', async (context) => {
  let reply = '';
  await using server = await InMemoryServer.start({ handler: (message) => (message === 'one' ? reply : message) });
  const unit = fc.oneof(fc.integer({ min: 0xd7ff, max: 0xe000 }), fc.integer({ min: 0, max: 0xffff }));
  const units = fc
    .array(unit, { maxLength: 8 })
    .map((codes) => String.fromCharCode(...codes).replaceAll(/[\r\n]/g, ''));
  const property = fc.asyncProperty(units, async (text) => {
    reply = text;
    for (const protocol of PROTOCOLS) {
      const { said } = await server.converse([say(protocol, 'one'), say(protocol, 'two')], 'closes');
      const answer = text.isWellFormed() ? replies([text]) : [errorReply(protocol, 500, 'failed')];
      expect(answers(protocol, said)).toEqual([...answer, ...replies(['two'])]);
      expect(replacements(said)).toBe(replacements(Buffer.from(text.isWellFormed() ? text : '')));
    }
    const { said } = await server.converse([Buffer.from('one')], 'stays');
    if (text.isWellFormed()) expect(said).toEqual(Buffer.from(text));
    else expect(said.toString()).toMatch(/^error: failed: /);
  });
  const what = 'replies encoded wrongly';
  expect(await counterexample(context, { line: LINE, what, runs: STRINGS, property })).toBeUndefined();
});
