/**
 * What one watcher costs a server under full load: the same load with and without a plain reader of `/events`, in turns. Needs the
 * images (`docker compose build`).
 */
import { get } from 'node:http';

import { GenericContainer, Wait } from 'testcontainers';

import { throughput } from './load.ts';

const ROUNDS = 10;

await using server = await new GenericContainer('knock-server')
  .withEnvironment({ LOG_LEVEL: 'warn' })
  .withResourcesQuota({ cpu: 0.5 })
  .withWaitStrategy(Wait.forHealthCheck())
  .start();
await throughput([server]);
const ratios: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const alone = await throughput([server]);
  const watching = get(
    { host: server.getIpAddress('bridge'), port: 12000, path: '/events', agent: false },
    (response) => response.resume(),
  );
  watching.on('error', () => undefined);
  const watched = await throughput([server]);
  watching.destroy();
  ratios.push(watched / alone);
}
ratios.sort((one, other) => one - other);
console.log(
  `with a watcher, of without: median ${ratios[ROUNDS / 2]!.toFixed(3)}, ${ratios[0]!.toFixed(3)} to ${ratios.at(-1)!.toFixed(3)} (n = ${ROUNDS})`,
);
