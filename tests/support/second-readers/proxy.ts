/** A third-party proxy in a container in front of the server; its log has the requests it forwards. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { RawClient } from '@knock/server/test/raw-client';
import { GenericContainer, type StartedNetwork, type StartedTestContainer, Wait } from 'testcontainers';

export const PROXY_IMAGE = 'knock-test-second-readers';
/** One port with a short timeout, and one for slow clients. */
const PORTS = { impatient: 8080, patient: 8081 };
/** The command of each, and the log line of its start. */
const PROXIES = {
  nginx: { command: ['nginx', '-c', '/etc/second-readers/nginx.conf'], ready: 'start worker process ' },
  HAProxy: { command: ['haproxy', '-W', '-db', '-f', '/etc/second-readers/haproxy.cfg'], ready: 'Loading success' },
};
/** Placeholders in the logs of nginx and HAProxy: not forwarded, and an empty body. */
const NO_SERVER = ['', '<NOSRV>'];
const NO_BODY = ['', '-'];
const run = promisify(execFile);

export type ProxyName = keyof typeof PROXIES;

/** A forwarded request as the proxy parsed it, and the server's status. */
export interface Forwarded {
  method: string;
  body: string;
  status: string;
}

export class Proxy implements AsyncDisposable {
  readonly #container: StartedTestContainer;

  /** The server's host name must be `server`. */
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

  /** Sends these bytes on a new connection; resolves with the whole response once the proxy has closed it. */
  async converse(bytes: Buffer | string, patience: keyof typeof PORTS): Promise<string> {
    const client = await RawClient.to(this.#container.getMappedPort(PORTS[patience]));
    client.send(bytes);
    return (await client.closed()).toString('latin1');
  }

  /** The requests forwarded so far, in the order of completion. */
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
