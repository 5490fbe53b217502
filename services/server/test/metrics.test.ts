import { CLOCK_ERROR_MS } from '@knock/shared/test/clock-error';
import { expect, test } from 'vitest';

import { frame } from './raw-client.ts';
import { start } from './test-server.ts';

test('counts messages and bytes of open connections, and counts them once when those end', async () => {
  await using server = await start();
  const client = await server.dial();
  client.send(Buffer.concat([frame('one'), frame('two'), Buffer.from('00000001ff', 'hex')]));
  await client.until('bad_utf8');
  const whileOpen = await server.scrape('');
  expect(whileOpen).toMatchObject({
    'knock_messages_total{protocol="frames"}': 2,
    'knock_error_replies_total{code="bad_utf8"}': 1,
    // The scraper is a client too.
    'knock_connections{state="served"}': 2,
    'knock_connections_closed_total{protocol="frames",reason="completed"}': 0,
  });
  expect(whileOpen['knock_bytes_total{direction="in"}']).toBeGreaterThan(7 + 7 + 5);
  client.end();
  await server.expectReasons('completed', 'completed');
  expect(await server.scrape('')).toMatchObject({
    'knock_messages_total{protocol="frames"}': 2,
    'knock_error_replies_total{code="bad_utf8"}': 1,
    'knock_connections{state="served"}': 1,
    'knock_connections_closed_total{protocol="frames",reason="completed"}': 1,
    'knock_connections_closed_total{protocol="http",reason="completed"}': 1,
  });
});

test('has a counter for each protocol and close reason, also at zero', async () => {
  await using server = await start({ MAX_MESSAGE_BYTES: 10 });
  await server.exchange('Hello\n');
  await server.exchange('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi');
  await server.exchange('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n');
  await server.exchange(frame('x'.repeat(11)));
  await server.expectReasons('completed', 'completed', 'too_large', 'too_large');
  expect(await server.scrape('')).toMatchObject({
    'knock_messages_total{protocol="text"}': 1,
    'knock_messages_total{protocol="http"}': 1,
    'knock_error_replies_total{code="413"}': 1,
    'knock_error_replies_total{code="too_large"}': 1,
    'knock_connections_closed_total{protocol="http",reason="too_large"}': 1,
    'knock_connections_closed_total{protocol="frames",reason="too_large"}': 1,
    'knock_connections_closed_total{protocol="text",reason="write_timeout"}': 0,
  });
});

test('counts an error reply that is sent during detection', async () => {
  await using server = await start({ MESSAGE_TIMEOUT_MS: 50 });
  const client = await server.dial();
  client.send('GET /half-a-line');
  expect((await client.closed()).toString()).toContain('HTTP/1.1 408 ');
  expect(await server.scrape('')).toMatchObject({ 'knock_error_replies_total{code="408"}': 1 });
});

test('answers above the limit, counts denied clients, and reports on the process', async () => {
  await using server = await start({ MAX_CONNECTIONS: 1 });
  const inside = await server.dial();
  inside.send(frame('here'));
  await inside.until('hello');
  expect(await server.exchange(frame('me too'))).toContain('busy');
  const metrics = await server.scrape('');
  expect(metrics).toMatchObject({
    'knock_connections{state="served"}': 1,
    'knock_connections{state="denied"}': 1,
    'knock_connections_closed_total{protocol="frames",reason="busy"}': 1,
    'knock_error_replies_total{code="busy"}': 1,
  });
  expect(metrics['process_resident_memory_bytes']).toBeGreaterThan(1e6);
  inside.socket.destroy();
});

test('counts open connections by protocol, and those without one yet', async () => {
  await using server = await start();
  const silent = await server.dial();
  const talker = await server.dial();
  talker.send('Hello\n');
  await talker.until('hello');
  expect(await server.scrape('')).toMatchObject({
    'knock_connections_open{protocol="none"}': 1,
    'knock_connections_open{protocol="text"}': 1,
    'knock_connections_open{protocol="http"}': 1,
  });
  silent.socket.destroy();
  talker.end();
});

test('counts a connection at accept and at its end, so that no counter ever falls', async () => {
  await using server = await start();
  const client = await server.dial();
  const silent = await server.scrape('');
  expect(silent).toMatchObject({
    knock_connections_accepted_total: 2,
    'knock_connections_closed_total{protocol="none",reason="completed"}': 0,
  });
  await server.expectReasons('completed');
  client.send(frame('Hello'));
  await client.until('hello');
  const talking = await server.scrape('');
  client.end();
  await server.expectReasons('completed', 'completed', 'completed');
  const ended = await server.scrape('');
  expect(ended).toMatchObject({
    knock_connections_accepted_total: 4,
    'knock_connections_closed_total{protocol="frames",reason="completed"}': 1,
    'knock_connections_closed_total{protocol="http",reason="completed"}': 2,
  });
  for (const [before, after] of [
    [silent, talking],
    [talking, ended],
  ] as const) {
    const fallen = Object.keys(before).filter(
      (name) => /^knock_.*_total/.test(name) && !(after[name]! >= before[name]!),
    );
    expect(fallen).toEqual([]);
  }
});

test('has a histogram of handler latency', async () => {
  // Slow enough to be above 100 ms while the others stay below, even on a busy machine.
  const SLOW_MS = 200;
  await using server = await start({
    handler: (message) =>
      message === 'slow' ? new Promise((resolve) => setTimeout(resolve, SLOW_MS, 'late')) : 'soon',
  });
  await server.exchange(Buffer.concat([frame('fast'), frame('slow')]));
  await server.exchange('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nslow');
  const shown = await server.scrape('');
  expect(shown).toMatchObject({
    'knock_handler_duration_seconds_bucket{le="0.1"}': 1,
    'knock_handler_duration_seconds_bucket{le="+Inf"}': 3,
    knock_handler_duration_seconds_count: 3,
  });
  expect(shown['knock_handler_duration_seconds_sum']).toBeGreaterThanOrEqual((2 * (SLOW_MS - CLOCK_ERROR_MS)) / 1000);
});
