/** The metrics, checked by Prometheus' promtool. */
import { execFile } from 'node:child_process';
import { text } from 'node:stream/consumers';

import { frame } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { BROWSER_IMAGE } from '../support/browser/browser.ts';
import { KnockServerContainer } from '../support/knock-server.ts';

test('promtool accepts the format and the names of /metrics', async () => {
  await using server = await new KnockServerContainer().start();
  const client = await server.dial();
  client.end(Buffer.concat([frame('Hello, server'), frame('once more')]));
  await client.closed();
  const { host, port } = await server.address();
  const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text();
  expect(metrics).toContain('knock_messages_total{protocol="frames"} 2');
  expect(metrics).toMatch(/^knock_handler_duration_seconds_count 1$/m);
  expect(await promtool(metrics)).toBe('');
});

/** The output of `promtool check metrics`, which lints names, too. */
async function promtool(metrics: string): Promise<string> {
  const child = execFile('docker', ['run', '--rm', '--interactive', BROWSER_IMAGE, 'promtool', 'check', 'metrics']);
  child.stdin!.end(metrics);
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
  return stdout + stderr;
}
