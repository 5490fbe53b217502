import { readConfig } from '@knock/shared/config/config';
import { expect, test } from 'vitest';

import { serverSettings } from './settings.ts';

test.each(['10.0.0.0/33', '10.0.0', '::1/129', '10.0.0.0/8/8', 'localhost', '10.0.0.1 10.0.0.2', 'fe80::1%eth0'])(
  'names an entry of TRUSTED_PROXIES that is no address and no CIDR: %s',
  (entry) => {
    const { error } = serverSettings.safeParse({ TRUSTED_PROXIES: `10.0.0.0/8,${entry}` });
    expect(error?.issues[0]?.message).toContain(`separated by commas, such as 10.0.0.0/8: ${entry} is neither`);
  },
);

test('reads TRUSTED_PROXIES, which trusts nobody by default', () => {
  expect(serverSettings.parse({}).TRUSTED_PROXIES).toBeUndefined();
  const trusted = serverSettings.parse({ TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.1,fd00::/8' }).TRUSTED_PROXIES!;
  expect(['10.9.9.9', '192.0.2.1', '192.0.2.2'].map((address) => trusted.check(address))).toEqual([true, true, false]);
  expect(trusted.check('fd12::1', 'ipv6')).toBe(true);
});

test('every setting has a default', () => {
  expect(readConfig(serverSettings, {})).toEqual({
    PORT: 12000,
    ACCEPT: 'forever',
    REPLY: 'hello from the server!',
    REPLY_DELAY_MS: 0,
    MAX_MESSAGE_BYTES: 65_536,
    MAX_CONNECTIONS: 1000,
    MAX_CONNECTIONS_PER_ADDRESS: 0,
    TRUSTED_PROXIES: undefined,
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
