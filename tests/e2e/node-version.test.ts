import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

const run = promisify(execFile);

test.each(['knock-server', 'knock-client'])(
  'the image %s has exactly the Node version of these tests',
  async (image) => {
    const { stdout } = await run('docker', ['run', '--rm', '--entrypoint', 'node', image, '--version']);
    expect(stdout.trim()).toBe(process.version);
  },
);
