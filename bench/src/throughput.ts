/** The servers alone, under load: throughput, latency and CPU cost. */
import { probeAll, type EchoProbe } from './echo-probe.ts';
import type { Figure, Measure } from './figure.ts';
import { load, type LoadResult } from './load.ts';
import type { Program } from './program.ts';
import { inTurn } from './rounds.ts';
import {
  BARE_GET,
  BARE_HTTP,
  BARE_NET,
  BARE_TEXTS,
  FASTIFY_GET,
  GET_REPLY,
  KNOCK_FRAMES,
  KNOCK_GET,
  KNOCK_HTTP,
  KNOCK_TEXT,
  raised,
  REDIS,
  type Server,
} from './servers.ts';

const SECTION = 'Server alone';
const FIRST_PORT = 21_000;
/** The warm-up load, as a multiple of a round: V8 compiles meanwhile. */
const WARM_UP_FACTOR = 4;

/** The shape of the load. */
interface Shape {
  connections: number;
  depth: number;
  /** Size of a message's text, and of its reply's. */
  bytes: number;
  /** HTTP GET: a request without a body, and a response body of this size. */
  get?: true;
}

/** A running server. */
interface Running {
  server: Server;
  program: Program;
  port: number;
}

const GET = { get: true, bytes: Buffer.byteLength(GET_REPLY) } as const;

/** The shapes that targets use. */
export const TARGET_SHAPES: readonly Shape[] = [
  { connections: 50, depth: 1, bytes: 13 },
  { connections: 50, depth: 16, bytes: 13 },
  { connections: 50, depth: 64, bytes: 13 },
  { connections: 1, depth: 256, bytes: 13 },
  { connections: 50, depth: 1, bytes: 65_536 },
  { connections: 4, depth: 1, bytes: 1_048_576 },
  { connections: 50, depth: 1, ...GET },
  { connections: 50, depth: 16, ...GET },
];

export const ALL_SHAPES: readonly Shape[] = [
  ...TARGET_SHAPES,
  { connections: 1, depth: 1, bytes: 13 },
  { connections: 1, depth: 16, bytes: 13 },
  { connections: 1, depth: 64, bytes: 13 },
  { connections: 50, depth: 256, bytes: 13 },
  { connections: 50, depth: 1, bytes: 1024 },
  { connections: 50, depth: 16, bytes: 1024 },
];

const GETS = { servers: [BARE_GET, FASTIFY_GET, KNOCK_GET] };

/** The servers for each message size, in bytes. */
const SIZES = [
  { upTo: 4096, servers: [BARE_NET, KNOCK_FRAMES, KNOCK_TEXT, REDIS, BARE_HTTP, KNOCK_HTTP] },
  { upTo: 65_536, servers: [BARE_NET, BARE_TEXTS, KNOCK_FRAMES, KNOCK_TEXT, REDIS, BARE_HTTP, KNOCK_HTTP] },
  { upTo: 2 ** 20, servers: [BARE_NET, BARE_TEXTS, raised(KNOCK_FRAMES), raised(KNOCK_TEXT), REDIS] },
];

function groupOf({ get, bytes }: Shape): { servers: Server[] } {
  return get ? GETS : SIZES.find(({ upTo }) => bytes <= upTo)!;
}

function idOf({ connections, depth, bytes, get }: Shape): string {
  return `throughput-${get ? 'get-' : ''}${connections}x${depth}-${sizeOf(bytes).replace(' ', '')}`;
}

export async function measureThroughput(measure: Measure, shapes: readonly Shape[]): Promise<Figure[]> {
  const figures: Figure[] = [];
  const wanted = shapes.filter((shape) => measure.wants(idOf(shape)));
  for (const [{ servers }, chosen] of Map.groupBy(wanted, groupOf)) {
    await using stack = new AsyncDisposableStack();
    const running: Running[] = [];
    const needed = servers.filter(({ name }) => chosen.some((shape) => measure.wants(idOf(shape), name)));
    for (const [place, server] of needed.entries()) {
      const port = FIRST_PORT + place;
      const program = stack.use(server.program(port));
      await program.listens(port);
      running.push({ server, program, port });
    }
    for (const shape of chosen) figures.push(...(await measureShape(measure, shape, running)));
  }
  return figures;
}

/** What one server did in one round. */
interface Round extends LoadResult {
  cpuSeconds: number;
}

/** What the rounds are compared by. */
const LOOKS: { suffix: string; words: string; unit: string; of: (round: Round) => number }[] = [
  { suffix: '', words: '', unit: 'messages/s', of: ({ messages, seconds }) => messages / seconds },
  {
    suffix: '-cpu',
    words: ': processor',
    unit: 'µs/message',
    of: ({ cpuSeconds, messages }) => (cpuSeconds / messages) * 1e6,
  },
  { suffix: '-p50', words: ': median latency', unit: 'µs', of: ({ p50 }) => p50 },
  { suffix: '-p99', words: ': 99th percentile', unit: 'µs', of: ({ p99 }) => p99 },
  { suffix: '-p999', words: ': 99.9th percentile', unit: 'µs', of: ({ p999 }) => p999 },
];

async function measureShape(measure: Measure, shape: Shape, all: Running[]): Promise<Figure[]> {
  const { rounds, ms, progress, wants } = measure;
  const title = titleOf(shape);
  const wanted = all.filter(({ server }) => wants(idOf(shape), server.name));
  const told = await probeAll(wanted, shape.get ? GET_REPLY : textOf(shape.bytes));
  const measured = told.map((one) => ({ ...one, name: one.server.name, rounds: [] as Round[] }));
  for (let round = 0; round <= rounds; round += 1) {
    progress(`${SECTION}: ${title}, ${round === 0 ? 'to warm up' : `round ${round} of ${rounds}`}`);
    for (const one of inTurn(measured, round)) {
      const result = await measureRound(one, shape, round === 0 ? WARM_UP_FACTOR * ms : ms);
      if (round > 0) one.rounds.push(result);
    }
  }
  return LOOKS.map(({ suffix, words, unit, of }) => ({
    id: `${idOf(shape)}${suffix}`,
    section: SECTION,
    title: `${title}${words}`,
    unit,
    values: Object.fromEntries(measured.map(({ name, rounds: own }) => [name, own.map((round) => of(round))])),
  }));
}

async function measureRound({ program, port, message, replyBytes }: Running & EchoProbe, shape: Shape, ms: number) {
  const { connections, depth } = shape;
  const before = program.cpuSeconds();
  const result = await load({ port, message, replyBytes, connections, depth, ms });
  return { ...result, cpuSeconds: program.cpuSeconds() - before };
}

/** A text of `bytes` bytes. */
export function textOf(bytes: number): string {
  return 'Hello, server'.padEnd(bytes, '.');
}

function titleOf({ connections, depth, bytes, get }: Shape): string {
  const clients = connections === 1 ? '1 connection' : `${connections} connections`;
  return `${clients} × ${depth} unanswered, ${sizeOf(bytes)}${get ? ', HTTP GET' : ''}`;
}

function sizeOf(bytes: number): string {
  if (bytes >= 2 ** 20) return `${bytes / 2 ** 20} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
}
