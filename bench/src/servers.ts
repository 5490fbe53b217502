/** The servers under measurement, started as their users would, and how each encodes a message. */
import { join } from 'node:path';

import { frame } from './frame.ts';
import { Program } from './program.ts';

const KNOCK = join(import.meta.dirname, '../../services/server/dist/main.mjs');
const ARTICLE = join(import.meta.dirname, '../../examples/server.py');
const LARGEST_MESSAGE_BYTES = 2 ** 20;
/** The response body of a GET, as shipped. */
export const GET_REPLY = 'hello from the server!';

export interface Server {
  name: string;
  program: (port: number) => Program;
  /** Encodes one message in the server's protocol. */
  encode: (text: string) => Buffer;
}

/** Knock as an echo server, like the others; otherwise as shipped. `nodeArgs` go to Node itself. */
export function knock(environment: Record<string, string> = {}, nodeArgs: string[] = []) {
  return (port: number) => {
    const settings = { PORT: String(port), REPLY: '{message}', ...environment };
    return new Program({ command: process.execPath, args: [...nodeArgs, KNOCK], on: 0, environment: settings });
  };
}

function ours(file: string) {
  const path = join(import.meta.dirname, 'servers', file);
  return (port: number) => new Program({ command: process.execPath, args: [path, String(port)], on: 0 });
}

/** For messages above the default limit. */
export const RAISED = { MAX_MESSAGE_BYTES: String(LARGEST_MESSAGE_BYTES) };

function redis(port: number): Program {
  const args = ['--port', String(port), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'];
  return new Program({ command: 'redis-server', args, on: 0 });
}

export const BARE_NET: Server = { name: 'bare node:net', program: ours('bare-net.ts'), encode: frame };
/** For one exchange per connection: includes the cost of its log line. */
export const BARE_LOG: Server = { name: 'bare node:net, log', program: ours('bare-net-log.ts'), encode: frame };
/** For large messages: one at a time from each client. */
export const BARE_TEXTS: Server = { name: 'bare node:net, texts', program: ours('bare-texts.ts'), encode: frame };
export const BARE_HTTP: Server = { name: 'bare node:http', program: ours('bare-http.ts'), encode: request };
export const KNOCK_FRAMES: Server = { name: 'Knock, frames', program: knock(), encode: frame };
export const KNOCK_TEXT: Server = { name: 'Knock, text', program: knock(), encode: line };
export const KNOCK_HTTP: Server = { name: 'Knock, HTTP', program: knock(), encode: request };
/** The same two, for a request without a body. */
export const BARE_GET: Server = { ...BARE_HTTP, encode: get };
export const FASTIFY_GET: Server = { name: 'Fastify', program: ours('fastify.ts'), encode: get };
export const KNOCK_GET: Server = { ...KNOCK_HTTP, program: knock({ REPLY: GET_REPLY }), encode: get };
export const REDIS: Server = { name: 'redis-server', program: redis, encode: ping };
export const ZEROMQ_ROUTER = ours('zeromq.ts');
export const GRPC = ours('grpc.ts');
/** One client after another, and one message from each. */
export const ARTICLE_PYTHON: Server = {
  name: "the article's Python server",
  program: (port) => new Program({ command: 'python3', args: [ARTICLE], on: 0, environment: { PORT: String(port) } }),
  encode: (text) => Buffer.from(text),
};

/** With a limit that admits a message of 1 MiB. */
export function raised(server: Server): Server {
  return { ...server, program: knock(RAISED) };
}

function line(text: string): Buffer {
  return Buffer.from(`${text}\n`);
}

function request(text: string): Buffer {
  return Buffer.from(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

function get(): Buffer {
  return Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
}

/** Redis' `PING text`, in RESP: the reply is the text. */
function ping(text: string): Buffer {
  return Buffer.from(`*2\r\n$4\r\nPING\r\n$${Buffer.byteLength(text)}\r\n${text}\r\n`);
}
