/** The demo without Docker: the same server and three clients as programs of this machine, with the output of Compose. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const CLIENTS = ['client-1', 'client-2', 'client-3'];
const LABEL_WIDTH = 9;
const port = process.env['KNOCK_PORT'] ?? '12000';

const running: ChildProcess[] = [];
const told = new Set<ChildProcess>();

/** Detached: Ctrl-C in a terminal signals the whole group, and a program that hears it twice ends without draining. */
function start(name: string, main: string): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, main)], {
    env: { LOG_FORMAT: 'pretty', LIVE_PAGE: 'on', ...process.env, NAME: name, PORT: port, SERVER_PORT: port },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => console.log(`${name.padEnd(LABEL_WIDTH)} | ${line}`));
  }
  running.push(child);
  return child;
}

function tell(children: Iterable<ChildProcess>, signal: NodeJS.Signals): void {
  for (const child of children) {
    told.add(child);
    child.kill(signal);
  }
}

/** Each is told once, since a second signal means at once. */
function end(): void {
  const untold = running.filter((child) => !told.has(child));
  tell(untold, 'SIGTERM');
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => tell(running, signal));
// Whoever read the output has gone (`pnpm demo | head`).
process.stdout.on('error', end);

const server = start('server-1', 'services/server/src/main.ts');
server.stdout!.once('data', () => {
  for (const name of CLIENTS) start(name, 'services/client/src/main.ts');
});
// Without the server there is nothing to see.
const [serverCode] = await once(server, 'close');
end();
process.exitCode = serverCode ?? 1;
