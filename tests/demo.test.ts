import { expect, test } from 'vitest';

import { startDemo } from './demo.ts';

test('docker compose up greets: the client reaches the server by its name and logs the reply', async () => {
  await using demo = await startDemo();

  await expect
    .poll(() => demo.logs('client'), { timeout: 5000 })
    .toContainEqual(
      expect.objectContaining({
        name: 'client-1',
        server: 'server-1',
        message: 'Hello, server',
        verdict: 'replied',
        reply: 'hello from the server!',
      }),
    );
});
