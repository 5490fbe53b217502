/** Fixtures for tests of HTTP clients: a server's container, its log of each connection, and a way to run a program. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test as base } from 'vitest';

import { KnockServerContainer, type LogLine, type StartedKnockServerContainer } from './knock-server.ts';
import { Program } from './program.ts';

/** Above the server's limit, and above what the buffers of an unread connection hold. */
const LARGE_BYTES = 1024 * 1024;

/** The server's log lines of closed HTTP connections, without health checks. */
async function sessions(server: StartedKnockServerContainer): Promise<LogLine[]> {
  const lines = await server.logLines();
  return lines.filter(({ level, protocol, reason }) => level === 30 && protocol === 'http' && reason !== undefined);
}

export const test = base
  .extend('server', { scope: 'file' }, async ({}, { onCleanup }) => {
    const server = await new KnockServerContainer().withSettings({ REPLY: 'heard: {message}' }).start();
    onCleanup(async () => void (await server.stop()));
    return server;
  })
  .extend('url', async ({ server }) => {
    const { host, port } = await server.address();
    return `http://${host}:${port}/`;
  })
  /** Expects exactly these connections since the start of the test, as the log has them. */
  .extend('expectSessions', async ({ server }) => {
    const before = (await sessions(server)).length;
    return async (...expected: Record<string, unknown>[]) => {
      const since = async () => (await sessions(server)).slice(before);
      await expect.poll(since, { interval: 50 }).toMatchObject(expected);
    };
  })
  /** A file with a message above the server's limit. */
  .extend('largeFile', async ({}, { onCleanup }) => {
    const directory = mkdtempSync(join(tmpdir(), 'knock-large-'));
    onCleanup(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'large.txt');
    writeFileSync(file, 'a'.repeat(LARGE_BYTES));
    return file;
  });

/** Runs a client until it exits. */
export async function output(...command: [string, ...string[]]) {
  await using program = new Program(command);
  const { exitCode, stdout } = await program.ended();
  return { exitCode, stdout };
}
