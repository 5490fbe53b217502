import { readConfig } from '@knock/shared/config/config';
import { expect, test } from 'vitest';

import { serverSettings } from './settings.ts';

test('every setting has a default', () => {
  expect(readConfig(serverSettings, {})).toEqual({
    PORT: 12000,
    ACCEPT: 'forever',
    REPLY: 'hello from the server!',
    REPLY_DELAY_MS: 0,
    MAX_MESSAGE_BYTES: 65_536,
    MAX_CONNECTIONS: 1000,
    FIRST_BYTE_TIMEOUT_MS: 30_000,
    MESSAGE_TIMEOUT_MS: 10_000,
    HANDLER_TIMEOUT_MS: 30_000,
    IDLE_TIMEOUT_MS: 60_000,
    WRITE_TIMEOUT_MS: 10_000,
    DRAIN_TIMEOUT_MS: 8000,
    TEXT_IDLE_MS: 250,
    LIVE_PAGE: 'off',
    ALLOWED_HOSTS: [],
    LOG_LEVEL: 'info',
    LOG_FORMAT: 'json',
  });
});

test.each([
  ['PORT', '-1'],
  ['PORT', '65536'],
  ['PORT', '12000x'],
  ['PORT', '0x10'],
  ['PORT', ' 1'],
  ['PORT', ''],
  ['ACCEPT', 'twice'],
  ['ACCEPT', 'ONCE'],
  ['MAX_MESSAGE_BYTES', '0'],
  ['MAX_MESSAGE_BYTES', '16777216'],
  ['MAX_CONNECTIONS', '0'],
  ['MAX_CONNECTIONS', '1e3'],
  ['FIRST_BYTE_TIMEOUT_MS', '0'],
  ['MESSAGE_TIMEOUT_MS', '-5'],
  ['HANDLER_TIMEOUT_MS', '2147483648'],
  ['IDLE_TIMEOUT_MS', '1.5'],
  ['TEXT_IDLE_MS', 'soon'],
  ['DRAIN_TIMEOUT_MS', 'NaN'],
  ['LOG_LEVEL', 'loud'],
  ['LOG_FORMAT', 'xml'],
])('rejects %s=%j, and the error names the setting, its value and the rule', (name, value) => {
  expect(() => readConfig(serverSettings, { [name]: value })).toThrow(`${name}=${JSON.stringify(value)}: must be `);
});

test('reports all problems at once', () => {
  const read = () => readConfig(serverSettings, { PORT: 'x', ACCEPT: 'x', TEXT_IDLE_MS: 'x' });
  expect(read).toThrow(/PORT="x".*\nACCEPT="x".*forever or once\nTEXT_IDLE_MS="x"/);
});

test('accepts a list of host names in any case, with spaces and empty items', () => {
  expect(readConfig(serverSettings, { ALLOWED_HOSTS: 'Knock.example, other.example ,' }).ALLOWED_HOSTS).toEqual([
    'knock.example',
    'other.example',
  ]);
});
