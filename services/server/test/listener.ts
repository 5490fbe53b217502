/** Reaches the listener that stands behind our server, for what no client can do to it from outside. */
import { tracingChannel } from 'node:diagnostics_channel';
import type { Server } from 'node:net';

/** Node tells about each server that listens, and so about the one that stands behind ours. */
export async function withListener<Started>(start: () => Promise<Started>): Promise<[Started, Server]> {
  const channel = tracingChannel('net.server.listen');
  const { promise, resolve } = Promise.withResolvers<Server>();
  const subscriber = { asyncEnd: (message: unknown) => resolve((message as { server: Server }).server) };
  channel.asyncEnd.subscribe(subscriber.asyncEnd);
  try {
    return [await start(), await promise];
  } finally {
    channel.asyncEnd.unsubscribe(subscriber.asyncEnd);
  }
}
