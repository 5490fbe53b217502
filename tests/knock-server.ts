/** The server's real image, as a container that a test starts and owns. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { AbstractStartedContainer, GenericContainer, Wait } from 'testcontainers';

const IMAGE = 'knock-server';
const PORT = 12000;
/** Less than a test has, so that the test can still say what failed and take its container away. */
const STARTUP_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 10_000;
const run = promisify(execFile);

/** One line of the server's log. */
export type LogLine = Record<string, unknown> & { name: string; msg: string };

export class KnockServerContainer extends GenericContainer {
  constructor(image = IMAGE) {
    super(image);
    this.withExposedPorts(PORT).withWaitStrategy(Wait.forHealthCheck()).withStartupTimeout(STARTUP_TIMEOUT_MS);
  }

  /** The server's settings, under the names that they have in its environment. */
  withSettings(settings: Record<string, string>): this {
    return this.withEnvironment(settings);
  }

  override async start(): Promise<StartedKnockServerContainer> {
    return new StartedKnockServerContainer(await super.start());
  }
}

export class StartedKnockServerContainer extends AbstractStartedContainer {
  /** The port of the host under which the server is published. */
  get port(): number {
    return this.getMappedPort(PORT);
  }

  /** What the server has logged so far. (`logs` is the base class's, a stream that goes on.) */
  async logLines(): Promise<LogLine[]> {
    const { stdout } = await run('docker', ['logs', this.getId()], { maxBuffer: 2 ** 28 });
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** The most memory that the server has had so far, in bytes, by its own account: `VmHWM` of proc(5). */
  async memoryBytes(): Promise<number> {
    const { output } = await this.exec(['cat', '/proc/1/status']);
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(output)![1]) * 1024;
  }

  /** Resolves with the server's exit code when it has ended by itself. */
  async exitCode(): Promise<number> {
    const { stdout } = await run('docker', ['wait', this.getId()], { timeout: END_TIMEOUT_MS });
    return Number(stdout);
  }
}
