/** The real server in this process, on a free port; tests can set its limits and read its log. */
import { pino } from 'pino';
import { expect } from 'vitest';

import type { Handler } from '../src/handler.ts';
import type { CloseReason } from '../src/net/close-reason.ts';
import { type Server, startServer } from '../src/server.ts';
import { serverSettings, type ServerSettings } from '../src/settings.ts';
import { RawClient, frame } from './raw-client.ts';

export type LogLine = Record<string, unknown> & { msg: string };

interface TestOptions extends Partial<ServerSettings> {
  /** By default it replies with `REPLY`: not the shipped handler, so that these tests pass after you change that. */
  handler?: Handler;
}

/** Sooner than any default timeout; the shortest is 10 s. */
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

  /** Sends `bytes`, half-closes, and resolves with everything received. */
  async exchange(bytes: Buffer | string): Promise<string> {
    const client = await this.dial();
    client.end(bytes);
    return (await client.closed()).toString();
  }

  /** Waits until exactly these close reasons are logged, in this order. */
  async expectReasons(...reasons: CloseReason[]): Promise<void> {
    const seen = () => this.lines.filter((line) => 'reason' in line).map((line) => line['reason']);
    await expect.poll(seen, { timeout: BEFORE_TIMEOUTS_MS, interval: 5 }).toEqual(reasons);
  }

  /** Waits until it has read from this many connections. Needs `LOG_LEVEL: 'trace'`. */
  async expectReadFrom(connections: number): Promise<void> {
    const read = () =>
      new Set(this.lines.filter(({ msg }) => / sent \d+ bytes?: /.test(msg)).map((line) => line['connection']));
    await expect.poll(() => read().size, { interval: 5 }).toBe(connections);
  }

  /** Scrapes the metrics whose names begin with `names`, a regular expression. */
  async scrape(names: string): Promise<Record<string, number>> {
    const response = await fetch(`http://127.0.0.1:${this.port}/metrics`, { headers: { connection: 'close' } });
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).matchAll(new RegExp(`^((?:${names})\\w*(?:\\{.*\\})?) (\\S+)$`, 'gm'));
    return Object.fromEntries(Array.from(lines, ([, name, value]) => [name!, Number(value)]));
  }

  /** Fails unless the server still answers another client. */
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
