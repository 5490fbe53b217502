/** Gives tests the server's listener, for errors that no client can cause. */
import { tracingChannel } from 'node:diagnostics_channel';
import type { Server } from 'node:net';

/** Node publishes each server that listens on a diagnostics channel. */
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
