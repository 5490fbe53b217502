import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { type ClientInfo, createHandler } from './handler.ts';

const CLIENT: ClientInfo = { id: 1, address: '192.0.2.1', protocol: 'text', signal: new AbortController().signal };

test.each([
  ['hello from the server!', 'hello from the server!'],
  ['{message}', 'Hello'],
  ['{server} heard {message}, "{message}"', 'server-1 heard Hello, "Hello"'],
])('replies with REPLY, its placeholders filled in: %j', (reply, answer) => {
  expect(createHandler({ reply, server: 'server-1' })('Hello', CLIENT)).toBe(answer);
});

test('replaces no placeholders that come in a message', () => {
  const handler = createHandler({ reply: '{message}', server: 'server-1' });
  expect(handler('{server} {message} $&', CLIENT)).toBe('{server} {message} $&');
});

test('can be replaced by the example in its comment', async () => {
  const source = readFileSync(join(import.meta.dirname, 'handler.ts'), 'utf8');
  const [example = ''] = /(?<=^ \*\n)(?: \* {5}.*\n)+/m.exec(source) ?? [];
  const script = stripTypeScriptTypes(example.replaceAll(/^ \* {5}/gm, ''));
  const { createHandler: changed } = await import(`data:text/javascript,${encodeURIComponent(script)}`);
  expect(changed({ reply: '', server: '' })('Hello', CLIENT)).toBe('You said HELLO');
});
