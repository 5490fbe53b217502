import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A port of this machine on which nobody listens; somebody else may take it at any time. */
export async function freePort(): Promise<number> {
  return (await listenAndClose(0))!;
}

/** The first of so many free ports in a row. */
export async function freePorts(count: number): Promise<number> {
  const first = await freePort();
  const others = Array.from({ length: count - 1 }, (_, n) => listenAndClose(first + 1 + n));
  return (await Promise.all(others)).includes(undefined) ? freePorts(count) : first;
}

/** Undefined where the port is taken, or there is none of this number. */
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
