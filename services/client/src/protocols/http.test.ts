import { expect, test } from 'vitest';

import { hostOf } from './http.ts';

const CA = { path: 'ca.pem', pem: '' };

test.each([
  [{ SERVER_HOST: 'server', SERVER_PORT: 12000 }, 'server:12000'],
  [{ SERVER_HOST: 'server', SERVER_PORT: 80 }, 'server'],
  [{ SERVER_HOST: 'server', SERVER_PORT: 443 }, 'server:443'],
  [{ SERVER_HOST: 'server', SERVER_PORT: 443, TLS_CA_FILE: CA }, 'server'],
  [{ SERVER_HOST: 'server', SERVER_PORT: 80, TLS_CA_FILE: CA }, 'server:80'],
  [{ SERVER_HOST: '192.0.2.1', SERVER_PORT: 12000 }, '192.0.2.1:12000'],
  [{ SERVER_HOST: '2001:db8::1', SERVER_PORT: 12000 }, '[2001:db8::1]:12000'],
  [{ SERVER_HOST: '::1', SERVER_PORT: 80 }, '[::1]'],
])('names the server of %j as %s', (settings, host) => {
  expect(hostOf(settings)).toBe(host);
});
