import { expect, test } from 'vitest';

import { replicaName } from './replica-names.ts';

test.each([
  ['knock-client-3.knock_default', 'client-3'],
  ['knock-server-1.knock_default', 'server-1'],
  ['my-shop-client-12.my-shop_default', 'client-12'],
  ['knock-client-run-0a1b2c.knock_back_end', 'client-run-0a1b2c'],
  ['knock_client_3.knock_default', 'client_3'],
])('names the Compose container %s by service and number', (reverseName, name) => {
  expect(replicaName(reverseName)).toBe(name);
});

test.each([
  ['knock_client.3.k2v9x0q1m3c4.knock_default', 'client-3'],
  ['knock_server.1.k2v9x0q1m3c4.knock_back_end', 'server-1'],
])('names the Swarm task %s by service and number', (reverseName, name) => {
  expect(replicaName(reverseName)).toBe(name);
});

test.each([
  '',
  'localhost',
  'mail.example.org',
  'knock.knock_default',
  'client-3.knock_default',
  'knocking-client-3.knock_default',
  'other-client-3.knock_default',
  'web-1.example.org',
  'knock-client-3',
  '_gateway',
  '-client-3.',
  'ip-10-0-0-7.eu-central-1.compute.internal',
])('returns the name %j unchanged', (reverseName) => {
  expect(replicaName(reverseName)).toBe(reverseName);
});
