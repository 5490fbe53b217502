/** The demo in containers, as `docker compose up` runs it: image sizes, time to the first reply, and scaling clients. */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import type { Figure, Measure } from './figure.ts';

const ROOT = join(import.meta.dirname, '../..');
const PROJECT = 'knock-bench';
const PORT = 21_600;
const SECTION = 'Containers';
const REPLICAS = [1, 10, 50, 100];
const SAMPLES = 10;
const SAMPLE_MS = 1000;
const FIRST_REPLY_MS = 60_000;

const environment = { ...process.env, KNOCK_PORT: String(PORT) };
const run = promisify(execFile);
const docker = async (...args: string[]) => (await run('docker', args, { cwd: ROOT, env: environment })).stdout;
const compose = (...args: string[]) => docker('compose', '--project-name', PROJECT, ...args);

/** Whether a Docker engine answers. */
export async function hasEngine(): Promise<boolean> {
  return docker('version').then(
    () => true,
    () => false,
  );
}

export async function measureContainers(
  { rounds, progress }: Measure,
  { replicas = REPLICAS } = {},
): Promise<Figure[]> {
  progress(`${SECTION}: building the images`);
  await compose('build');
  const figures = [await imageSizes(), await firstReply(rounds, progress)];
  for (const figure of await scaling(replicas, progress)) figures.push(figure);
  return figures;
}

async function imageSizes(): Promise<Figure> {
  const values = { server: [await bytesBeyondNode('server')], client: [await bytesBeyondNode('client')] };
  const title = 'The images, beyond the Node binary';
  return { id: 'image-size', section: SECTION, title, unit: 'bytes', values };
}

async function bytesBeyondNode(service: string): Promise<number> {
  const image = `${PROJECT}-${service}`;
  const size = 'fs.statSync(process.execPath).size';
  const node = await docker('run', '--rm', '--network', 'none', '--entrypoint', 'node', image, '--print', size);
  return Number(await docker('image', 'inspect', '--format', '{{.Size}}', image)) - Number(node);
}

async function firstReply(rounds: number, progress: Measure['progress']): Promise<Figure> {
  const values: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`${SECTION}: to the first reply, round ${round} of ${rounds}`);
    values.push(await upToFirstReply());
    await compose('down', '--timeout', '2');
  }
  const title = '`docker compose up`, with images built, to the first reply';
  return { id: 'first-reply', section: SECTION, title, unit: 'ms', values: { Knock: values } };
}

/** Milliseconds. */
async function upToFirstReply(): Promise<number> {
  const start = performance.now();
  const up = spawn('docker', ['compose', '--project-name', PROJECT, 'up'], { cwd: ROOT, env: environment });
  const patience = setTimeout(() => up.kill(), FIRST_REPLY_MS);
  let output = '';
  for await (const text of up.stdout.setEncoding('utf8')) {
    output += text as string;
    if (output.includes('← "hello from the server!"')) break;
  }
  clearTimeout(patience);
  const ms = performance.now() - start;
  up.kill('SIGKILL');
  if (!output.includes('← "')) throw new Error('docker compose up: no reply');
  return ms;
}

/** Greetings as the demo sends them, one a second from each client. */
async function scaling(replicas: number[], progress: Measure['progress']): Promise<Figure[]> {
  const periods: Record<string, Period[]> = {};
  try {
    for (const count of replicas) {
      progress(`${SECTION}: ${count} clients`);
      await compose('up', '--detach', '--scale', `client=${count}`);
      await untilAllGreet(count);
      periods[`${count} ${count === 1 ? 'client' : 'clients'}`] = await watch();
    }
  } finally {
    await compose('down', '--timeout', '2');
  }
  const every = 'Clients that greet once a second';
  const figure = (id: string, what: string, unit: string, of: (period: Period) => number): Figure => ({
    id,
    section: SECTION,
    title: `${every}: ${what}`,
    unit,
    values: Object.fromEntries(Object.entries(periods).map(([name, some]) => [name, some.map((one) => of(one))])),
  });
  return [
    figure(
      'replicas-rate',
      'replies',
      'replies/s',
      ({ from, to }) => (to.messages - from.messages) / (to.at - from.at),
    ),
    figure('replicas-cpu', "the server's processor", '% of one', ({ from, to }) => {
      return ((to.cpuSeconds - from.cpuSeconds) / (to.at - from.at)) * 100;
    }),
    figure('replicas-memory', "the server's memory", 'MiB', ({ to }) => to.memoryBytes / 2 ** 20),
  ];
}

/** Two samples, a second apart. */
interface Period {
  from: Numbers;
  to: Numbers;
}

async function watch(): Promise<Period[]> {
  const periods: Period[] = [];
  for (let from = await numbers(); periods.length < SAMPLES; from = periods.at(-1)!.to) {
    await sleep(SAMPLE_MS);
    periods.push({ from, to: await numbers() });
  }
  return periods;
}

/** The server's own metrics. */
interface Numbers {
  /** In seconds. */
  at: number;
  messages: number;
  cpuSeconds: number;
  memoryBytes: number;
}

async function untilAllGreet(count: number): Promise<void> {
  for (let tries = 0; tries < 120; tries += 1) {
    const before = await numbers().catch(() => undefined);
    await sleep(SAMPLE_MS);
    if (!before) continue;
    const { messages, at } = await numbers();
    if ((messages - before.messages) / (at - before.at) > 0.9 * count) return;
  }
  throw new Error(`not all of ${count} clients greet once a second`);
}

/** From `/metrics`. */
async function numbers(): Promise<Numbers> {
  const at = performance.now() / 1000;
  const text = await (await fetch(`http://127.0.0.1:${PORT}/metrics`)).text();
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:{.*})? (.*)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
  return {
    at,
    messages: sum('knock_messages_total'),
    cpuSeconds: sum('process_cpu_seconds_total'),
    memoryBytes: sum('process_resident_memory_bytes'),
  };
}
