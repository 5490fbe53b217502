/** The client's container over HTTP, with Knock and with other servers. */
import { expect, test } from 'vitest';

import { startDemo } from '../support/demo.ts';
import { KnockServerContainer } from '../support/knock-server.ts';
import { Program } from '../support/program.ts';

function send(port: string, ...texts: string[]): Program {
  const settings = ['--env', 'PROTOCOL=http', '--env', `SERVER_PORT=${port}`];
  return new Program(['docker', 'run', '--rm', '--network', 'host', ...settings, 'knock-client', 'send', ...texts]);
}

test('messages to Knock share one HTTP connection, and each gets its reply', async () => {
  await using server = await new KnockServerContainer().withSettings({ REPLY: '<{message}>' }).start();
  await using client = send(String(server.port), 'one', '', 'h€llo');
  expect(await client.ended()).toEqual({ exitCode: 0, stdout: '<one>\n<>\n<h€llo>\n', stderr: '' });
  await expect
    .poll(() => server.logLines())
    .toContainEqual(expect.objectContaining({ protocol: 'http', messages: 3, reason: 'completed' }));
});

test('a message too large for Knock is rejected with 413', async () => {
  await using server = await new KnockServerContainer().withSettings({ MAX_MESSAGE_BYTES: '10' }).start();
  await using client = send(String(server.port), 'Hello, server', 'Hello');
  const { exitCode, stdout, stderr } = await client.ended();
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: 'hello from the server!\n' });
  expect(stderr).toMatch(/^"Hello, server": rejected: 413: the body exceeds 10 bytes: /);
});

const NODE_SERVER = `
  const server = require('node:http').createServer((request, response) => request.pipe(response));
  server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));
`;

test('a bare server of node:http replies', async () => {
  await using server = new Program([process.execPath, '--eval', NODE_SERVER]);
  const [, port] = await server.printed(/^port (\d+)$/m);
  await using client = send(port!, 'one', 'two');
  expect(await client.ended()).toEqual({ exitCode: 0, stdout: 'one\ntwo\n', stderr: '' });
});

test("Python's http.server has no POST: the message is rejected", async () => {
  await using server = new Program(['python3', '-u', '-m', 'http.server', '--bind', '127.0.0.1', '0']);
  const [, port] = await server.printed(/port (\d+)/);
  await using client = send(port!, 'Hello');
  expect(await client.ended()).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: '"Hello": rejected: 501: Not Implemented\n',
  });
});

test('with PROTOCOL=http the demo greets over HTTP', async () => {
  await using demo = await startDemo({ environment: { PROTOCOL: 'http', COUNT: '3', INTERVAL_MS: '100' } });
  await expect
    .poll(async () => (await demo.logs('client')).filter(({ outcome }) => outcome === 'replied').length)
    .toBe(3);
  await expect
    .poll(async () =>
      (await demo.logs('server')).filter(({ protocol, messages }) => protocol === 'http' && messages === 1),
    )
    .toHaveLength(3);
});
