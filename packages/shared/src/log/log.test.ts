import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

import { describe, expect, test } from 'vitest';

import { CLOCK_ERROR_MS } from '../../test/clock-error.ts';

const MAX_WAITING_BYTES = 1024 * 1024;

type Format = 'json' | 'pretty';

/** A program with a log that runs the script. Disposing it kills it. */
function program(options: { level?: string; format: Format; to?: 1 | 2 }, script: string) {
  const source = `
    import { once } from 'node:events';
    import { createLog } from ${JSON.stringify(new URL('log.ts', import.meta.url))};
    const log = createLog(${JSON.stringify({ level: 'info', name: 'server-1', ...options })});
    const { logger } = log;
    ${script}`;
  return spawn(process.execPath, ['--input-type=module', '--eval', source]);
}

/** Everything that the program wrote. */
async function output(...description: Parameters<typeof program>) {
  using child = program(...description);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { stdout, stderr };
}

const EVENTS = `
  logger.debug('not at this level');
  logger.info({ client: 'client-3', bytes: 13 }, 'client-3 said "Hello, server"');
  logger.error({ err: new Error('first line, second line'.replace(', ', '\\n')) }, 'it failed');
  await log.close();`;

describe.concurrent('the log', () => {
  test('writes one line of JSON per event, with level, name, fields and message', async () => {
    const { stdout, stderr } = await output({ format: 'json' }, EVENTS);
    expect(stdout.endsWith('\n')).toBe(true);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      {
        level: 30,
        time: expect.any(Number),
        name: 'server-1',
        client: 'client-3',
        bytes: 13,
        msg: 'client-3 said "Hello, server"',
      },
      {
        level: 50,
        time: expect.any(Number),
        name: 'server-1',
        err: expect.objectContaining({ message: 'first line\nsecond line' }),
        msg: 'it failed',
      },
    ]);
    expect(stderr).toBe('');
  });

  test('writes one readable line per event: time, level and message', async () => {
    const { stdout, stderr } = await output({ format: 'pretty', to: 2 }, EVENTS);
    expect(stderr.replaceAll(/\d/g, '0')).toBe(
      '[00:00:00.000] INFO: client-0 said "Hello, server"\n[00:00:00.000] ERROR: it failed\n',
    );
    expect(stdout).toBe('');
  });

  test('writes nothing at the level silent', async () => {
    const script = `logger.fatal('the end'); await log.close(); console.error('closed')`;
    const { stdout, stderr } = await output({ format: 'json', level: 'silent' }, script);
    expect([stdout, stderr]).toEqual(['', 'closed\n']);
  });

  test.each<Format>(['json', 'pretty'])(
    'drops %s lines beyond 1 MiB of unread ones, and counts them',
    async (format) => {
      // In one turn of the event loop, so that nothing is written in between.
      using child = program(
        { format },
        `for (let count = 0; count < 100; count++) logger.info('x'.repeat(20_000));
      console.error('all said');
      await once(process.stdin, 'data');
      logger.info('read again');
      await log.close();
      process.exit();`,
      );
      await once(child.stderr, 'data');
      const lines = [];
      for await (const line of createInterface({ input: child.stdout })) {
        lines.push(line);
        if (line.includes('dropped')) child.stdin.write('go on');
      }
      const kept = Math.floor(MAX_WAITING_BYTES / (lines[0]!.length + 1));
      const report = `${100 - kept} log lines were dropped: the reader of the log is too slow`;
      expect(lines).toHaveLength(kept + 2);
      expect(lines.slice(0, kept).every((line) => line.includes('x'.repeat(20_000)))).toBe(true);
      expect(lines[kept]).toContain(report);
      if (format === 'json') expect(JSON.parse(lines[kept]!)).toMatchObject({ level: 50, dropped: 100 - kept });
      expect(lines[kept + 1]).toContain('read again');
    },
  );

  test('has written its last line when close() resolves', async () => {
    // SIGKILL: whatever is not written then is lost.
    using child = program(
      { format: 'json' },
      // No more than a pipe holds: on a busy machine the reader may need more than 200 ms.
      `for (let count = 1; count <= 5; count++) logger.info('x'.repeat(10_000) + count);
      await log.close();
      process.kill(process.pid, 'SIGKILL');`,
    );
    const lines = (await text(child.stdout)).split('\n');
    expect(lines).toHaveLength(6);
    expect(lines[4]).toMatch(/x5"}$/);
  });

  test('waits at most 200 ms for a reader that does not read', async () => {
    using child = program(
      { format: 'json' },
      `logger.info('x'.repeat(1_000_000));
      const before = performance.now();
      await log.close();
      console.error(performance.now() - before);`,
    );
    const [elapsed] = (await once(child.stderr, 'data')) as [Buffer];
    expect(Number(elapsed)).toBeGreaterThanOrEqual(200 - CLOCK_ERROR_MS);
    expect(Number(elapsed)).toBeLessThan(2000);
  });

  test('closes when its reader is gone', async () => {
    using child = program(
      { format: 'json' },
      `await once(process.stdin, 'data');
      logger.info('into the void');
      await log.close();
      process.exit(7);`,
    );
    child.stdout.destroy();
    await once(child.stdout, 'close');
    child.stdin.write('go on');
    expect(await once(child, 'exit')).toEqual([7, null]);
  });
});
