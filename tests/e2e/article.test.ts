/** The article's two programs, with each other and with ours. */
import { expect, test } from 'vitest';

import { KnockServerContainer } from '../support/knock-server.ts';
import { Program } from '../support/program.ts';

const PROGRAMS = {
  TypeScript: { interpreter: process.execPath, extension: 'ts' },
  Python: { interpreter: 'python3', extension: 'py' },
};
type Language = keyof typeof PROGRAMS;
const LANGUAGES: Language[] = ['TypeScript', 'Python'];
const PAIRS = LANGUAGES.flatMap((client) => LANGUAGES.map((server) => ({ client, server })));

const REPLY = 'hello from the server!\n';
const REFUSED = /ECONNREFUSED|ConnectionRefusedError/;

test.for(PAIRS)('the $client client greets the $server server and prints its reply', async ({ client, server }) => {
  await using serverProgram = startServer(server);
  await using clientProgram = startClient(client, { port: await portOf(serverProgram) });

  expect(await clientProgram.ended()).toEqual({ exitCode: 0, stdout: REPLY, stderr: '' });
  await serverProgram.printed(/^Hello, server$/m);
});

test.for(LANGUAGES)('the %s server with `once` exits after its first client', async (language) => {
  await using server = startServer(language, 'once');
  const port = await portOf(server);
  await using first = startClient(language, { port });

  expect(await first.ended()).toMatchObject({ exitCode: 0, stdout: REPLY });
  expect(await server.ended()).toMatchObject({ exitCode: 0, stderr: '' });

  await using second = startClient(language, { port });
  expect(await second.ended()).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(REFUSED) });
});

test.for(LANGUAGES)('the %s server serves client after client', async (language) => {
  await using server = startServer(language);
  const port = await portOf(server);

  for (let n = 1; n <= 3; n += 1) {
    await using client = startClient(language, { port });
    expect(await client.ended()).toMatchObject({ exitCode: 0, stdout: REPLY });
  }
  await server.printed(/^(?:Hello, server\n){3}/m);
});

test.for(LANGUAGES)("the article's %s client gets a reply from our server", async (language) => {
  await using server = await new KnockServerContainer().start();
  await using client = startClient(language, { host: server.getHost(), port: String(server.port) });

  // Includes the client's start, and is far below the message timeout of ten seconds.
  expect(await client.ended({ withinMs: 8000 })).toEqual({ exitCode: 0, stdout: REPLY, stderr: '' });
  await expect
    .poll(() => server.logLines())
    .toContainEqual(
      expect.objectContaining({
        protocol: 'text',
        message: 'Hello, server',
        reply: 'hello from the server!',
        reason: 'completed',
      }),
    );
});

test("with ACCEPT=once our server exits after the article's client, and accepts no second one", async () => {
  await using server = await new KnockServerContainer().withSettings({ ACCEPT: 'once' }).start();
  const address = { host: server.getHost(), port: String(server.port) };
  await using first = startClient('Python', address);

  expect(await first.ended()).toMatchObject({ exitCode: 0, stdout: REPLY });
  expect(await server.exitCode()).toBe(0);

  await using second = startClient('Python', address);
  expect(await second.ended()).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(REFUSED) });
});

test.for(LANGUAGES)("our client, from source, prints the reply of the article's %s server", async (language) => {
  await using server = startServer(language);
  const settings = { PROTOCOL: 'text', SERVER_HOST: 'localhost', SERVER_PORT: await portOf(server) };
  const program = 'services/client/src/main.ts';
  await using client = new Program([process.execPath, program, 'send', 'Hello, server'], settings);

  expect(await client.ended()).toEqual({ exitCode: 0, stdout: REPLY, stderr: '' });
  await server.printed(/^Hello, server$/m);
});

test.for(LANGUAGES)("our client's container prints the reply of the article's %s server", async (language) => {
  await using server = startServer(language);
  const port = await portOf(server);
  const run = `run --rm --network host --env PROTOCOL=text --env SERVER_PORT=${port} knock-client`.split(' ');
  await using client = new Program(['docker', ...run, 'send', 'Hello, server']);

  expect(await client.ended()).toEqual({ exitCode: 0, stdout: REPLY, stderr: '' });
  await server.printed(/^Hello, server$/m);
});

/** Listens on a free port; see {@link portOf}. */
function startServer(language: Language, ...args: string[]): Program {
  const { interpreter, extension } = PROGRAMS[language];
  return new Program([interpreter, `examples/server.${extension}`, ...args], { PORT: '0' });
}

async function portOf(server: Program): Promise<string> {
  const [, port] = await server.printed(/^listening on port (\d+)$/m);
  return port!;
}

function startClient(language: Language, { host = 'localhost', port }: { host?: string; port: string }): Program {
  const { interpreter, extension } = PROGRAMS[language];
  return new Program([interpreter, `examples/client.${extension}`], { HOST: host, PORT: port });
}
