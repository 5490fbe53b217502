import { expect, test } from 'vitest';
import { z } from 'zod';

import {
  ConfigError,
  EXIT_WRONG_SETTINGS,
  logSettings,
  milliseconds,
  oneOf,
  readConfig,
  wholeNumber,
} from './config.ts';

const schema = z.object({
  PORT: wholeNumber({ min: 1, max: 65_535 }).default(12_000),
  WAIT_MS: milliseconds().default(250),
  FRUIT: oneOf('apple', 'pear').default('apple'),
  NAME: z.string().optional(),
});

/** The problems that the schema reports. */
function problems(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    readConfig(schema, env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

test('uses the defaults if nothing is set', () => {
  expect(readConfig(schema, {})).toEqual({ PORT: 12_000, WAIT_MS: 250, FRUIT: 'apple' });
});

test('reads what is set, numbers as numbers', () => {
  const env = { PORT: '80', WAIT_MS: '1', FRUIT: 'pear', NAME: '' };
  expect(readConfig(schema, env)).toEqual({ PORT: 80, WAIT_MS: 1, FRUIT: 'pear', NAME: '' });
});

test('reads only what the schema names', () => {
  expect(readConfig(schema, { PATH: '/bin', port: '1' })).not.toHaveProperty('PATH');
});

test('reports all problems at once, each with name, value and rule', () => {
  expect(problems({ PORT: '0', WAIT_MS: 'soon', FRUIT: 'plum', NAME: 'right' })).toEqual([
    'PORT="0": must be a whole number from 1 to 65535',
    'WAIT_MS="soon": must be a whole number from 1 to 2147483647',
    'FRUIT="plum": must be apple or pear',
  ]);
});

test('shows any value on one line', () => {
  expect(problems({ FRUIT: 'a"\n\u001B' })).toEqual(['FRUIT="a\\"\\n\\u001b": must be apple or pear']);
});

test('names a required setting that is missing', () => {
  const required = z.object({ PORT: wholeNumber({ min: 1, max: 9 }) });
  expect(() => readConfig(required, {})).toThrow('PORT: must be a whole number from 1 to 9');
});

test('has one line per problem in the error message', () => {
  const error = new ConfigError(['A="": x', 'B="": y']);
  expect(error.message).toBe('A="": x\nB="": y');
  expect(error.name).toBe('ConfigError');
});

test.each(['1', '65535', '00080', '000000000000001'])('accepts the port %j', (value) => {
  expect(readConfig(schema, { PORT: value }).PORT).toBe(Number(value));
});

test.each([
  '0',
  '65536',
  '',
  ' ',
  ' 1',
  '1\n',
  '-1',
  '+1',
  '1.0',
  '1e3',
  '0x50',
  '1_000',
  '٣',
  'NaN',
  '1'.repeat(16),
  '0'.repeat(15) + '1',
])('rejects the port %j with one problem', (value) => {
  expect(problems({ PORT: value })).toEqual([`PORT=${JSON.stringify(value)}: must be a whole number from 1 to 65535`]);
});

test('rejects a time that a timer cannot hold', () => {
  expect(readConfig(schema, { WAIT_MS: '2147483647' }).WAIT_MS).toBe(2_147_483_647);
  expect(problems({ WAIT_MS: '2147483648' })).toHaveLength(1);
});

test('rejects a time of zero, unless the setting allows it', () => {
  expect(problems({ WAIT_MS: '0' })).toHaveLength(1);
  expect(readConfig(z.object({ WAIT_MS: milliseconds({ min: 0 }) }), { WAIT_MS: '0' })).toEqual({ WAIT_MS: 0 });
});

test.each(['Apple', 'apple ', ''])('rejects the word %j', (value) => {
  expect(problems({ FRUIT: value })).toEqual([`FRUIT=${JSON.stringify(value)}: must be apple or pear`]);
});

test('gives the rules to the tables of the documentation', () => {
  expect(wholeNumber({ min: 1, max: 9 }).meta()).toEqual({ rule: '1 to 9' });
  expect(milliseconds().meta()).toEqual({ rule: 'milliseconds' });
  expect(oneOf('apple', 'pear').meta()).toEqual({ rule: 'apple, pear' });
});

test('logs JSON at info by default', () => {
  expect(readConfig(z.object(logSettings), {})).toEqual({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' });
});

test('uses the exit code of sysexits(3) for a configuration error', () => {
  expect(EXIT_WRONG_SETTINGS).toBe(78);
});
