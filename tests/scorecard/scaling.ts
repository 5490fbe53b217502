/**
 * Scaling from one to three servers, each limited to a fifth of a core, which leaves enough of the machine for the load. Prints
 * a table for docs/operating.md. Needs the images (`docker compose build`).
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';

import { clientOf, ROUND_MS, throughput } from './load.ts';

const CPU = 0.2;
const ROUNDS = 5;
/** New connections a second, over all servers: more would exhaust the ephemeral ports. */
const GREETINGS_PER_SECOND = 200;

function startServer(): Promise<StartedTestContainer> {
  return new GenericContainer('knock-server')
    .withEnvironment({ LOG_LEVEL: 'warn' })
    .withResourcesQuota({ cpu: CPU })
    .withWaitStrategy(Wait.forHealthCheck())
    .start();
}

/** CPU milliseconds of a server per greeting on a new connection. */
async function costOfGreeting(servers: StartedTestContainer[]): Promise<number> {
  const before = await cpuMs(servers);
  const greetings = (GREETINGS_PER_SECOND * ROUND_MS) / 1000;
  const clients = servers.map(clientOf);
  const greeted = [];
  for (let n = 0; n < greetings; n += 1) {
    const client = clients[n % clients.length]!;
    greeted.push(client.send('Hello, server'));
    client.close();
    await sleep(1000 / GREETINGS_PER_SECOND);
  }
  const lost = (await Promise.all(greeted)).filter(({ outcome }) => outcome.kind !== 'replied').length;
  if (lost > 0) throw new Error(`${lost} greetings of ${greetings} got no reply`);
  return ((await cpuMs(servers)) - before) / greetings;
}

/** CPU time of all servers so far, from their metrics. */
async function cpuMs(servers: StartedTestContainer[]): Promise<number> {
  let total = 0;
  for (const server of servers) {
    const response = await fetch(`http://${server.getIpAddress('bridge')}:12000/metrics`);
    total += Number(/^process_cpu_seconds_total (\S+)$/m.exec(await response.text())![1]) * 1000;
  }
  return total;
}

function spread(values: number[], digits: number): string {
  const sorted = values.toSorted((one, other) => one - other);
  const [least, median, most] = [sorted[0]!, sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!];
  return `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

console.log('| servers | messages a second | ms of a core for a greeting |\n|---|---|---|');
for (const count of [1, 2, 3]) {
  const servers = await Promise.all(Array.from({ length: count }, startServer));
  try {
    await throughput(servers);
    const [rates, costs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      rates.push(await throughput(servers));
      costs.push(await costOfGreeting(servers));
    }
    console.log(`| ${count} | ${spread(rates, 0)} | ${spread(costs, 2)} |`);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}
