/** The real server in this process, on a free port, with limits that a test may shrink and a log that it can read. */
import { pino } from 'pino';
import { expect } from 'vitest';

import type { Handler } from '../src/handler.ts';
import type { CloseReason } from '../src/net/close-reason.ts';
import { type Server, startServer } from '../src/server.ts';
import { serverSettings, type ServerSettings } from '../src/settings.ts';
import { RawClient, frame } from './raw-client.ts';

export type LogLine = Record<string, unknown> & { msg: string };

interface TestOptions extends Partial<ServerSettings> {
  /** If there is none it answers `REPLY`: not the one that is shipped, so that these tests hold for whoever changes that. */
  handler?: Handler;
}

/** What has ended by then was not ended by a timeout that no test has set: the first of them runs for 10 s. */
const BEFORE_TIMEOUTS_MS = 8000;

const DEFAULTS = serverSettings.parse({ HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'debug', LIVE_PAGE: 'on' });

export async function start({ handler, ...overrides }: TestOptions = {}): Promise<TestServer> {
  const settings = { ...DEFAULTS, ...overrides };
  const lines: LogLine[] = [];
  const logger = pino({ level: settings.LOG_LEVEL }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const answer: Handler = (message) => settings.REPLY.replaceAll('{message}', () => message);
  const server = await startServer({ name: 'server-1', settings, handler: handler ?? answer, logger });
  return new TestServer(server, lines);
}

export class TestServer implements AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  readonly lines: LogLine[];

  constructor(server: Server, lines: LogLine[]) {
    this.server = server;
    this.port = server.port;
    this.lines = lines;
  }

  dial(): Promise<RawClient> {
    return RawClient.to(this.port);
  }

  /** Says one thing, closes its side, and resolves with all that came back. */
  async exchange(bytes: Buffer | string): Promise<string> {
    const client = await this.dial();
    client.end(bytes);
    return (await client.closed()).toString();
  }

  /** Waits until exactly these connections have ended, for these reasons in this order. */
  async expectReasons(...reasons: CloseReason[]): Promise<void> {
    const seen = () => this.lines.filter((line) => 'reason' in line).map((line) => line['reason']);
    await expect.poll(seen, { timeout: BEFORE_TIMEOUTS_MS, interval: 5 }).toEqual(reasons);
  }

  /** Waits until it has read something from so many connections, as its log tells: at `LOG_LEVEL: 'trace'`. */
  async expectReadFrom(connections: number): Promise<void> {
    const read = () =>
      new Set(this.lines.filter(({ msg }) => / sent \d+ bytes?: /.test(msg)).map((line) => line['connection']));
    await expect.poll(() => read().size, { interval: 5 }).toBe(connections);
  }

  /** The numbers whose names begin so (a regular expression), as a scraper gets them. */
  async scrape(names: string): Promise<Record<string, number>> {
    const response = await fetch(`http://127.0.0.1:${this.port}/metrics`, { headers: { connection: 'close' } });
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).matchAll(new RegExp(`^((?:${names})\\w*(?:\\{.*\\})?) (\\S+)$`, 'gm'));
    return Object.fromEntries(Array.from(lines, ([, name, value]) => [name!, Number(value)]));
  }

  /** Whatever was done to it, the server answers somebody else. */
  async expectHealthy(): Promise<void> {
    const client = await this.dial();
    client.end(frame('well?'));
    const answer = await client.closed();
    expect(answer.length).toBeGreaterThan(4);
    expect(answer[0]).toBe(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}
