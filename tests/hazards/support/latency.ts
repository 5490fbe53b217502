/** Reply latency, as a healthy client sees it. */
import { once } from 'node:events';

import { RawClient, frame } from '@knock/server/test/raw-client';

import { paced } from './pacing.ts';

interface Address {
  host: string;
  port: number;
}

/** In milliseconds. */
export interface Latencies {
  /** Per message on one connection, sent without waiting for earlier replies. */
  onOneConnection: number[];
  /** Per message on a new connection, including the connect. */
  onNewConnections: number[];
}

const MESSAGES_PER_SECOND = 250;
const CONNECTIONS_PER_SECOND = 50;
/** A client that waits this long counts as not served. */
const PATIENCE_MS = 10_000;
const MESSAGE = frame('well?');

const patience = () => ({ signal: AbortSignal.timeout(PATIENCE_MS) });

/** Measures both at the same time. */
export async function latencies(address: Address, { seconds }: { seconds: number }): Promise<Latencies> {
  const [onOneConnection, onNewConnections] = await Promise.all([
    askOnOneConnection(address, seconds * MESSAGES_PER_SECOND),
    paced(seconds * CONNECTIONS_PER_SECOND, () => askOnNewConnection(address), CONNECTIONS_PER_SECOND),
  ]);
  return { onOneConnection, onNewConnections };
}

async function askOnOneConnection({ host, port }: Address, count: number): Promise<number[]> {
  const client = await RawClient.to(port, host);
  client.send(MESSAGE);
  const [{ length: replyLength }] = (await once(client.socket, 'data', patience())) as [Buffer];
  const sentAt: number[] = [];
  const waited: number[] = [];
  let received = 0;
  client.socket.on('data', (bytes: Buffer) => {
    received += bytes.length;
    while (waited.length < Math.floor(received / replyLength)) {
      waited.push(performance.now() - sentAt[waited.length]!);
    }
  });
  const ask = async () => {
    sentAt.push(performance.now());
    client.send(MESSAGE);
  };
  await paced(count, ask, MESSAGES_PER_SECOND);
  client.end();
  await once(client.socket, 'close', patience());
  if (waited.length !== count) throw new Error(`${waited.length} of ${count} messages got a reply`);
  return waited;
}

async function askOnNewConnection({ host, port }: Address): Promise<number> {
  const began = performance.now();
  const client = await RawClient.to(port, host);
  client.send(MESSAGE);
  await once(client.socket, 'data', patience());
  const waited = performance.now() - began;
  client.end();
  await client.closed();
  return waited;
}

/** The nth percentile. */
export function percentile(values: readonly number[], percent: number): number {
  return values.toSorted((one, other) => one - other)[Math.ceil((values.length * percent) / 100) - 1]!;
}
