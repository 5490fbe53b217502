/** The demo without Docker: the same server and three clients as programs of this machine, with the output of Compose. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const CLIENTS = ['client-1', 'client-2', 'client-3'];
const LABEL_WIDTH = 9;

const PORT = process.env['PORT'] ?? '12000';
const env = { LOG_FORMAT: 'pretty', ...process.env, PORT, SERVER_PORT: PORT };

/** Detached: Ctrl-C in a terminal signals the whole group, and a program that hears it twice ends without draining. */
function start(label: string, main: string): ChildProcess {
  const path = new URL(main, import.meta.url).pathname;
  const child = spawn(process.execPath, [path], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => console.log(`${label.padEnd(LABEL_WIDTH)}| ${line}`));
  }
  return child;
}

const server = start('server-1', 'services/server/src/main.ts');
const clients = CLIENTS.map((label) => start(label, 'services/client/src/main.ts'));
const all = [...clients, server];
const ended = all.map(async (child) => (await once(child, 'close')) as [code: number | null]);

function stop(signal: NodeJS.Signals): void {
  for (const child of all) child.kill(signal);
}

process.on('SIGINT', stop);
process.on('SIGTERM', stop);
// Whoever read the output has gone (`pnpm demo | head`).
process.stdout.on('error', () => stop('SIGTERM'));
// Without the server there is nothing to see: its port is in use, for example.
server.once('close', () => stop('SIGTERM'));

const codes = await Promise.all(ended);
process.exitCode = Math.max(...codes.map(([code]) => code ?? 1));
