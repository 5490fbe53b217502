import { readConfig } from '@knock/shared/config/config';
import { expect, test } from 'vitest';

import { clientSettings } from './settings.ts';

test('has a default for everything', () => {
  expect(readConfig(clientSettings, {})).toEqual({
    SERVER_HOST: 'localhost',
    SERVER_PORT: 12000,
    PROTOCOL: 'frames',
    MESSAGE: 'Hello, server',
    INTERVAL_MS: 1000,
    COUNT: 0,
    CONNECT_TIMEOUT_MS: 4000,
    REPLY_TIMEOUT_MS: 5000,
    DEADLINE_MS: 10_000,
    LOG_LEVEL: 'info',
    LOG_FORMAT: 'json',
  });
});

test.each([
  ['SERVER_HOST', ''],
  ['SERVER_PORT', '0'],
  ['PROTOCOL', 'gopher'],
  ['INTERVAL_MS', '-1'],
  ['COUNT', 'many'],
  ['DEADLINE_MS', '0'],
])('rejects %s=%j with its name, value and rule', (name, value) => {
  expect(() => readConfig(clientSettings, { [name]: value })).toThrow(`${name}=${JSON.stringify(value)}: must be `);
});
