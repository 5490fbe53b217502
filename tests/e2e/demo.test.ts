import { randomBytes } from 'node:crypto';

import { expect, test as base } from 'vitest';

import { startDemo } from '../support/demo.ts';

/** Started once, for tests that only read, or bring their own container. */
const test = base.extend('running', { scope: 'file' }, async ({}, { onCleanup }) => {
  const demo = await startDemo();
  onCleanup(() => demo[Symbol.asyncDispose]());
  return demo;
});

test('docker compose up: the client reaches the server by name and logs the reply', async ({ running: demo }) => {
  await expect
    .poll(() => demo.logs('client'))
    .toContainEqual(
      expect.objectContaining({
        name: 'client-1',
        server: 'server-1',
        message: 'Hello, server',
        outcome: 'replied',
        reply: 'hello from the server!',
      }),
    );
  expect(await demo.logs('server')).toContainEqual(
    expect.objectContaining({ name: 'server-1', client: 'client-1', message: 'Hello, server', reason: 'completed' }),
  );
});

test('ten client replicas get replies, each under its own name', async () => {
  await using demo = await startDemo({
    scale: { client: 10 },
    environment: { MESSAGE: '{client}', REPLY: '{message}' },
  });

  const replicas = Array.from({ length: 10 }, (_, n) => `client-${n + 1}`).sort();
  const answered = async () => {
    const lines = await demo.logs('client');
    const own = lines.filter(({ name, outcome, reply }) => outcome === 'replied' && reply === name);
    return [...new Set(own.map(({ name }) => name))].sort();
  };
  await expect.poll(answered).toEqual(replicas);
});

test('docker compose stop ends both services at once with code 0', async () => {
  await using demo = await startDemo();
  await expect.poll(async () => (await demo.logs('client')).length).toBeGreaterThan(3);

  for (const service of ['client', 'server'] as const) {
    const began = performance.now();
    await demo.compose('stop', service);
    // Includes Compose's own work. A full drain would take 8 s, a kill 15 s.
    expect(performance.now() - began).toBeLessThan(6000);
    expect(await demo.exitCodes(service)).toEqual([0]);
  }
  const last = (await demo.logs('client')).at(-1)!;
  expect(last['outcomes']).toMatchObject({ rejected: 0, not_handled: 0, unknown: 0 });
  expect((await demo.logs('server')).at(-1)!.msg).toBe('stopped: every connection has ended');
});

test('the server is healthy soon after its start', async () => {
  const began = performance.now();
  await using demo = await startDemo({ services: ['server'] });
  await demo.compose('up', '--wait', '--no-recreate', 'server');
  // Includes the start of the containers and of the health check.
  expect(performance.now() - began).toBeLessThan(20_000);
  const { started, healthy } = await demo.health();
  // Without start_interval the next check would come after 10 s.
  expect(healthy - started).toBeLessThan(9000);
});

test('docker compose run client send prints exactly the reply', async ({ running: demo }) => {
  expect(await demo.compose('run', '--rm', '--no-deps', '-T', 'client', 'send', 'any text', 'another')).toBe(
    'hello from the server!\nhello from the server!\n',
  );
});

test('a client that starts before the server waits, and gets its reply', async () => {
  await using demo = await startDemo({ services: ['server'], environment: { COUNT: '1' } });
  await demo.compose('stop', 'server');
  const greeting = demo.compose('run', '--rm', '--no-deps', '-T', '-e', 'COUNT=1', 'client');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await demo.compose('start', 'server');
  expect(await greeting).toContain('"outcome":"replied"');
});

test('both images run without root, capabilities or a writable root file system', async ({ running: demo }) => {
  const look = `
    const { readFileSync, writeFileSync } = require('node:fs');
    const status = Object.fromEntries(readFileSync('/proc/self/status', 'utf8').split('\\n').map((line) => line.split(':\\t')));
    let written = true;
    try { writeFileSync('/app/written', ''); } catch (error) { written = error.code; }
    console.log(JSON.stringify({ uid: process.getuid(), CapEff: status.CapEff, CapBnd: status.CapBnd, NoNewPrivs: status.NoNewPrivs, written }));
  `;
  for (const service of ['server', 'client']) {
    expect(JSON.parse(await demo.compose('exec', '-T', service, 'node', '-e', look))).toEqual({
      uid: 1000,
      CapEff: '0000000000000000',
      CapBnd: '0000000000000000',
      NoNewPrivs: '1',
      written: expect.stringMatching(/^(EROFS|EACCES)$/),
    });
  }
  for (const { HostConfig, Config } of await demo.inspect()) {
    expect(HostConfig).toMatchObject({ ReadonlyRootfs: true, Memory: 256 * 2 ** 20, PidsLimit: 64, Init: true });
    expect(Config['Entrypoint']).toEqual(['node', 'main.mjs']);
  }
});

test('names are looked up in the hosts file and with DNS', async ({ running: demo }) => {
  const look = `
    const { lookup } = require('node:dns');
    for (const name of ['server', 'localhost', 'nobody.invalid'])
      lookup(name, { family: 4 }, (error, address) => console.log(name, error?.code ?? address));
  `;
  const found = await demo.compose('exec', '-T', 'client', 'node', '-e', look);
  const [server] = await demo.inspect('server');
  const [network] = Object.values(server!.NetworkSettings.Networks);
  expect(found.trim().split('\n').toSorted()).toEqual([
    'localhost 127.0.0.1',
    'nobody.invalid ENOTFOUND',
    `server ${network!.IPAddress}`,
  ]);
});

test('the first process of both containers is the init of the engine', async ({ running: demo }) => {
  const look = "require('node:fs').readFileSync('/proc/1/cmdline', 'utf8')";
  for (const service of ['server', 'client'])
    expect(await demo.compose('exec', '-T', service, 'node', '-p', look)).toContain('docker-init');
});

test('the port is published on localhost only', async ({ running: demo }) => {
  const bindings = (await demo.inspect('server')).flatMap(
    ({ NetworkSettings }) => NetworkSettings.Ports['12000/tcp'] ?? [],
  );
  expect(bindings.map(({ HostIp }) => HostIp)).toEqual(['127.0.0.1']);
});

test('a wrong setting ends the container at once, with code 78', async ({ running: demo }) => {
  const name = `wrong-${randomBytes(4).toString('hex')}`;
  const run = demo.compose('run', '--name', name, '--no-deps', '-T', '-e', 'ACCEPT=twice', 'server');
  await expect(run).rejects.toMatchObject({
    code: 78,
    stderr: expect.stringContaining('ACCEPT="twice": must be forever or once'),
  });
  const { State } = await demo.takeAway(name);
  expect(Date.parse(State.FinishedAt) - Date.parse(State.StartedAt)).toBeLessThan(10_000);
});
