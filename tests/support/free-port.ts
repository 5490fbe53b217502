import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A port that is free now; another program may take it at any time. */
export async function freePort(): Promise<number> {
  return (await listenAndClose(0))!;
}

/** The first of `count` consecutive free ports. */
export async function freePorts(count: number): Promise<number> {
  const first = await freePort();
  const others = Array.from({ length: count - 1 }, (_, n) => listenAndClose(first + 1 + n));
  return (await Promise.all(others)).includes(undefined) ? freePorts(count) : first;
}

/** Undefined if the port is in use or above 65535. */
async function listenAndClose(port: number): Promise<number | undefined> {
  if (port > 65_535) return undefined;
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
