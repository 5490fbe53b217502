/** A proxy that is not ours, in a container in front of the server; its log says which requests it forwards. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { RawClient } from '@knock/server/test/raw-client';
import { GenericContainer, type StartedNetwork, type StartedTestContainer, Wait } from 'testcontainers';

export const PROXY_IMAGE = 'knock-test-second-readers';
/** Where a silent connection is soon closed, and where a slow client is waited for. */
const PORTS = { impatient: 8080, patient: 8081 };
/** How each is started, and what it logs once it listens. */
const PROXIES = {
  nginx: { command: ['nginx', '-c', '/etc/second-readers/nginx.conf'], ready: 'start worker process ' },
  HAProxy: { command: ['haproxy', '-W', '-db', '-f', '/etc/second-readers/haproxy.cfg'], ready: 'Loading success' },
};
/** What the logs of nginx and HAProxy have in place of a server where a request was not forwarded, and of an empty body. */
const NO_SERVER = ['', '<NOSRV>'];
const NO_BODY = ['', '-'];
const run = promisify(execFile);

export type ProxyName = keyof typeof PROXIES;

/** A request that the proxy forwarded, as the proxy read it, and the server's status. */
export interface Forwarded {
  method: string;
  body: string;
  status: string;
}

export class Proxy implements AsyncDisposable {
  readonly #container: StartedTestContainer;

  /** The server must be there under the name `server`. */
  static async start(name: ProxyName, network: StartedNetwork): Promise<Proxy> {
    const { command, ready } = PROXIES[name];
    const container = await new GenericContainer(PROXY_IMAGE)
      .withNetwork(network)
      .withCommand(command)
      .withExposedPorts(...Object.values(PORTS))
      .withWaitStrategy(Wait.forLogMessage(ready))
      .start();
    return new Proxy(container);
  }

  private constructor(container: StartedTestContainer) {
    this.#container = container;
  }

  /** Sends these bytes on a connection of their own; resolves with all that came back, once the proxy has closed it. */
  async converse(bytes: Buffer | string, patience: keyof typeof PORTS): Promise<string> {
    const client = await RawClient.to(this.#container.getMappedPort(PORTS[patience]));
    client.send(bytes);
    return (await client.closed()).toString('latin1');
  }

  /** The requests that were forwarded so far, in the order in which they ended. */
  async forwarded(): Promise<Forwarded[]> {
    const { stdout } = await run('docker', ['logs', this.#container.getId()]);
    return (stdout.match(/^\{.*\}$/gm) ?? [])
      .map((line) => JSON.parse(line) as Forwarded & { server: string })
      .filter(({ server }) => !NO_SERVER.includes(server))
      .map(({ method, body, status }) => ({ method, body: NO_BODY.includes(body) ? '' : body, status }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container.stop();
  }
}
