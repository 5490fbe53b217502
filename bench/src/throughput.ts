/** The servers alone, driven by the load: how many messages a second, how long each takes, and what it costs. */
import type { Figure, Measure } from './figure.ts';
import { load, type LoadResult } from './load.ts';
import type { Program } from './program.ts';
import {
  BARE_HTTP,
  BARE_NET,
  BARE_TEXTS,
  KNOCK_FRAMES,
  KNOCK_HTTP,
  KNOCK_TEXT,
  NO_DOOR,
  raised,
  REDIS,
  type Server,
} from './servers.ts';
import { tell } from './tell.ts';

const SECTION = 'Server alone';
const FIRST_PORT = 21_000;

/** How a server is driven. */
interface Shape {
  connections: number;
  depth: number;
  /** Size of a message's text. */
  bytes: number;
}

/** A server that runs. */
interface Running {
  server: Server;
  program: Program;
  port: number;
}

/** Those that the targets are about. */
export const TARGET_SHAPES: readonly Shape[] = [
  { connections: 50, depth: 1, bytes: 13 },
  { connections: 50, depth: 16, bytes: 13 },
  { connections: 50, depth: 64, bytes: 13 },
  { connections: 1, depth: 256, bytes: 13 },
  { connections: 50, depth: 1, bytes: 65_536 },
  { connections: 4, depth: 1, bytes: 1_048_576 },
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

/** Who is measured with messages of which size, in bytes. */
const SIZES = [
  { upTo: 4096, servers: [BARE_NET, KNOCK_FRAMES, KNOCK_TEXT, REDIS, BARE_HTTP, NO_DOOR, KNOCK_HTTP] },
  { upTo: 65_536, servers: [BARE_NET, BARE_TEXTS, KNOCK_FRAMES, KNOCK_TEXT, REDIS, BARE_HTTP, KNOCK_HTTP] },
  { upTo: 2 ** 20, servers: [BARE_NET, BARE_TEXTS, raised(KNOCK_FRAMES), raised(KNOCK_TEXT), REDIS] },
];

function idOf({ connections, depth, bytes }: Shape): string {
  return `throughput-${connections}x${depth}-${sizeOf(bytes).replace(' ', '')}`;
}

export async function measureThroughput(measure: Measure, shapes: readonly Shape[]): Promise<Figure[]> {
  const figures: Figure[] = [];
  const groups = Map.groupBy(shapes, ({ bytes }) => SIZES.find(({ upTo }) => bytes <= upTo)!);
  for (const [{ servers }, chosen] of groups) {
    await using stack = new AsyncDisposableStack();
    const running: Running[] = [];
    for (const [place, server] of servers.entries()) {
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

/** What the rounds are looked at for. */
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

async function measureShape({ rounds, ms, progress }: Measure, shape: Shape, all: Running[]): Promise<Figure[]> {
  const title = titleOf(shape);
  const text = textOf(shape.bytes);
  const said = await Promise.all(all.map(({ server, port }) => tell(server, port, text)));
  const measured = all.map(({ server }) => ({ name: server.name, rounds: [] as Round[] }));
  for (let round = 0; round <= rounds; round += 1) {
    progress(`${SECTION}: ${title}, ${round === 0 ? 'to warm up' : `round ${round} of ${rounds}`}`);
    for (const [place, { program, port }] of all.entries()) {
      const before = program.cpuSeconds();
      const result = await load({ port, ...said[place]!, ...shape, ms });
      if (round > 0) measured[place]!.rounds.push({ ...result, cpuSeconds: program.cpuSeconds() - before });
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

/** A text of so many bytes. */
export function textOf(bytes: number): string {
  return 'Hello, server'.padEnd(bytes, '.');
}

function titleOf({ connections, depth, bytes }: Shape): string {
  const callers = connections === 1 ? '1 connection' : `${connections} connections`;
  return `${callers} × ${depth} unanswered, ${sizeOf(bytes)}`;
}

function sizeOf(bytes: number): string {
  if (bytes >= 2 ** 20) return `${bytes / 2 ** 20} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
}
