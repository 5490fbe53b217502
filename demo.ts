/** The demo without Docker: one server and three clients as local processes, with output like Compose's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const CLIENTS = ['client-1', 'client-2', 'client-3'];
const LABEL_WIDTH = 9;
const port = process.env['KNOCK_PORT'] ?? '12000';

const running: ChildProcess[] = [];
const signaled = new Set<ChildProcess>();

/** Detached: Ctrl-C signals the terminal's whole process group, and a second signal ends a server without draining. */
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

function sendSignal(children: Iterable<ChildProcess>, signal: NodeJS.Signals): void {
  for (const child of children) {
    signaled.add(child);
    child.kill(signal);
  }
}

/** Signals each child once: a second signal skips the drain. */
function end(): void {
  const others = running.filter((child) => !signaled.has(child));
  sendSignal(others, 'SIGTERM');
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => sendSignal(running, signal));
// EPIPE: the reader of the output has gone (`pnpm demo | head`).
process.stdout.on('error', end);

const server = start('server-1', 'services/server/src/main.ts');
server.stdout!.once('data', () => {
  for (const name of CLIENTS) start(name, 'services/client/src/main.ts');
});
// Without the server there is nothing to see.
const [serverCode] = await once(server, 'close');
end();
process.exitCode = serverCode ?? 1;
