import { expect, test } from 'vitest';

import { isAllowedHost } from './guards.ts';

test.each([
  'localhost',
  'localhost:12000',
  'LOCALHOST',
  'server',
  'server:12000',
  'knock.localhost',
  '127.0.0.1',
  '127.0.0.1:80',
  '[::1]',
  '[::1]:12000',
  'knock.example',
  'Knock.Example:443',
  'knock.example.',
  'knock.example.:443',
])('allows %s', (host) => {
  expect(isAllowedHost(host, ['knock.example'])).toBe(true);
});

test.each([
  'evil.example',
  'evil.example:12000',
  'localhost.evil.example',
  'evil.knock.example',
  '127.0.0.1.evil.example',
  'evil.example.',
])('does not allow %j', (host) => {
  expect(isAllowedHost(host, ['knock.example'])).toBe(false);
});
