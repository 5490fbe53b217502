import { expect, test } from 'vitest';

import { freePort } from './free-port.ts';
import { KnockServerContainer } from './knock-server.ts';
import { Program } from './program.ts';

const doctor = (environment: Record<string, string>) => new Program([process.execPath, 'doctor.ts'], environment);

test('finds a machine well that can run the demo', async () => {
  await using running = doctor({ KNOCK_PORT: String(await freePort()) });
  const { exitCode, stdout } = await running.ended();
  expect(stdout).toMatch(/^(?:well {3}.*\n){6}$/);
  expect(exitCode).toBe(0);
});

test('names the container that holds the port, and what to do', async () => {
  await using server = await new KnockServerContainer().start();
  await using running = doctor({ KNOCK_PORT: String(server.port) });
  const { exitCode, stdout } = await running.ended();
  expect(stdout).toContain(
    `ill    port ${server.port} is taken by the container ${server.getName().replace('/', '')}\n`,
  );
  expect(stdout).toContain('       end it, or choose another port: KNOCK_PORT=12345 docker compose up\n');
  expect(exitCode).toBe(1);
});

test('says that the engine does not answer, and what to do', async () => {
  await using running = doctor({ DOCKER_HOST: 'tcp://127.0.0.1:1', KNOCK_PORT: String(await freePort()) });
  const { exitCode, stdout } = await running.ended();
  expect(stdout).toMatch(/^ill {4}Docker's engine does not answer\n {7}start it/m);
  expect(exitCode).toBe(1);
});
