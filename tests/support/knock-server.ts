/** The server's real image, in a container that belongs to one test. */
import { execFile } from 'node:child_process';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import type { CloseReason } from '@knock/server/net/close-reason';
import { RawClient, frame } from '@knock/server/test/raw-client';
import {
  AbstractStartedContainer,
  type ContainerRuntimeClient,
  GenericContainer,
  getContainerRuntimeClient,
  Wait,
} from 'testcontainers';
import { expect } from 'vitest';

const IMAGE = 'knock-server';
const PORT = 12000;
/** Below a test's own timeout, so that the test can still report the failure and remove its container. */
const STARTUP_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 10_000;
const run = promisify(execFile);

/** One line of the server's log. */
export type LogLine = Record<string, unknown> & { name: string; msg: string };

/** The values of `/metrics` by name and labels. */
type Numbers = Record<string, number>;

/** Closed connections by reason. */
type Reasons = Partial<Record<CloseReason, number>>;

export class KnockServerContainer extends GenericContainer {
  constructor(image = IMAGE) {
    super(image);
    this.withExposedPorts(PORT).withWaitStrategy(Wait.forHealthCheck()).withStartupTimeout(STARTUP_TIMEOUT_MS);
  }

  /** The server's settings, as environment variables. */
  withSettings(settings: Record<string, string>): this {
    return this.withEnvironment(settings);
  }

  override async start(): Promise<StartedKnockServerContainer> {
    return new StartedKnockServerContainer(await super.start());
  }
}

export class StartedKnockServerContainer extends AbstractStartedContainer {
  /** The server's published port on the host. */
  get port(): number {
    return this.getMappedPort(PORT);
  }

  /** The container as the engine's API has it, to pause, kill, start and inspect it. */
  async engine(): Promise<ReturnType<ContainerRuntimeClient['container']['getById']>> {
    return (await getContainerRuntimeClient()).container.getById(this.getId());
  }

  /**
   * The server's address for this machine. On Linux the container's own: the proxy behind a published port has its own
   * buffering, closes and resets.
   */
  async address(): Promise<{ host: string; port: number }> {
    const { NetworkSettings } = await (await this.engine()).inspect();
    const published = NetworkSettings.Ports[`${PORT}/tcp`]?.[0]?.HostPort;
    if (process.platform !== 'linux') return { host: '127.0.0.1', port: Number(published) };
    const [network] = Object.values(NetworkSettings.Networks);
    return { host: network!.IPAddress, port: PORT };
  }

  async dial(): Promise<RawClient> {
    const { host, port } = await this.address();
    return RawClient.to(port, host);
  }

  async dialMany(count: number): Promise<RawClient[]> {
    const { host, port } = await this.address();
    return Promise.all(Array.from({ length: count }, () => RawClient.to(port, host)));
  }

  /** The server's metrics now. The request itself counts as a client. */
  async numbers(): Promise<Numbers> {
    const { host, port } = await this.address();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    get({ host, port, path: '/metrics', agent: false }, (response) => resolve(text(response))).on('error', reject);
    const lines = (await promise).matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm);
    return Object.fromEntries(Array.from(lines, ([, name, value]) => [name, Number(value)]));
  }

  /** Waits until exactly these connections have closed since `before`, not counting `completed` ones. */
  async expectClosed(before: Numbers, expected: Reasons, { withinMs = 10_000 } = {}): Promise<void> {
    const since = async () => closed(before, await this.numbers());
    await expect.poll(since, { timeout: withinMs, interval: 100 }).toEqual(expected);
  }

  /**
   * The server answers another client quickly, and has leaked nothing of the closed connections: no socket, no timer.
   */
  async expectHealthy(before: Numbers): Promise<void> {
    const client = await this.dial();
    const began = performance.now();
    client.end(frame('well?'));
    const answer = await client.closed();
    expect(answer.subarray(0, 1).toString('hex')).toBe('00');
    expect(answer.length).toBeGreaterThan(4);
    // Generous for a busy machine; a server timeout would take ten seconds.
    expect(performance.now() - began).toBeLessThan(5000);
    const left = async () => remains(await this.numbers());
    const most = Math.max(1, remains(before).timers);
    await expect
      .poll(left, { timeout: 10_000, interval: 100 })
      .toEqual({ served: 1, denied: 0, timers: expect.toSatisfy((timers: number) => timers <= most) });
  }

  /** The server's log so far. (`logs` is the base class's, a stream that goes on.) */
  async logLines(): Promise<LogLine[]> {
    const { stdout } = await run('docker', ['logs', this.getId()], { maxBuffer: 2 ** 28 });
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** The value of an expression of JavaScript in the container, where Node is the only program. Its value there is JSON. */
  async evaluate(expression: string): Promise<unknown> {
    const { output, exitCode } = await this.exec(['node', '--print', `JSON.stringify(${expression})`]);
    if (exitCode !== 0) throw new Error(`node --print ${expression}: ${output}`);
    return JSON.parse(output);
  }

  /** A text file in the container, such as one of proc(5). */
  async readFile(path: string): Promise<string> {
    return (await this.evaluate(`fs.readFileSync('${path}', 'utf8')`)) as string;
  }

  /** The server's peak memory in bytes: `VmHWM` of proc(5). */
  async memoryBytes(): Promise<number> {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(await this.readFile('/proc/1/status'))![1]) * 1024;
  }

  /** Resolves with the server's exit code once it has exited. */
  async exitCode(): Promise<number> {
    const { stdout } = await run('docker', ['wait', this.getId()], { timeout: END_TIMEOUT_MS });
    return Number(stdout);
  }
}

function closed(before: Numbers, now: Numbers): Reasons {
  const reasons: Reasons = {};
  for (const [name, number] of Object.entries(now)) {
    const reason = /^knock_connections_closed_total\{.*reason="(\w+)"\}$/.exec(name)?.[1] as CloseReason | undefined;
    const since = number - (before[name] ?? 0);
    // The requests for metrics complete as well.
    if (reason !== undefined && reason !== 'completed' && since > 0) reasons[reason] = (reasons[reason] ?? 0) + since;
  }
  return reasons;
}

function remains(numbers: Numbers) {
  return {
    served: numbers['knock_connections{state="served"}'],
    denied: numbers['knock_connections{state="denied"}'],
    timers: numbers['nodejs_active_resources{type="Timeout"}'] ?? 0,
  };
}
