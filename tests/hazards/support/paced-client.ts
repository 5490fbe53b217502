/** A client that sends distinct messages at a fixed pace, without waiting for replies. */
import { isDeepStrictEqual } from 'node:util';

import { RawClient } from '@knock/server/test/raw-client';

import { type Answer, answers, type Protocol, replies, say } from './protocols.ts';

/** A client's whole session. */
export interface ClientSession {
  who: string;
  /** Expected: an echo of each message, in order. */
  expected: Answer[];
  heard: Answer[];
  /** The connection's error, if any. */
  error: Error | undefined;
}

/** A server's address. */
export interface Address {
  host: string;
  port: number;
}

export class PacedClient {
  readonly client: RawClient;
  readonly protocol: Protocol;
  /** Reply times, in milliseconds. */
  readonly times: number[] = [];
  readonly #name: string;
  readonly #sent: string[] = [];
  readonly #sentAt: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Resolves with a client that got its first reply. */
  static async enter({ host, port }: Address, protocol: Protocol, name: string): Promise<PacedClient> {
    const client = new PacedClient(await RawClient.to(port, host), protocol, name);
    client.say();
    await client.answered();
    return client;
  }

  constructor(client: RawClient, protocol: Protocol, name: string) {
    this.client = client;
    this.protocol = protocol;
    this.#name = name;
    client.socket.on('data', () => this.#look());
    client.socket.once('close', () => clearInterval(this.#timer));
  }

  talk(everyMs: number): void {
    this.#timer = setInterval(() => this.say(), everyMs);
  }

  say(): void {
    this.client.send(this.next());
  }

  /** The bytes of the next message, to be sent in pieces. */
  next(): Buffer {
    const message = `${this.#name}, message ${this.#sent.length}`;
    this.#sent.push(message);
    this.#sentAt.push(performance.now());
    return say(this.protocol, message);
  }

  /** Resolves when all messages have replies; rejects if the connection ends before. */
  async answered(): Promise<void> {
    await this.client.until(this.#sent.at(-1)!);
  }

  /** Half-closes, and waits for the server's close. */
  async leave(): Promise<ClientSession> {
    clearInterval(this.#timer);
    this.client.end();
    const heard = answers(this.protocol, await this.client.closed());
    return { who: this.#name, expected: replies(this.#sent), heard, error: this.client.error };
  }

  #look(): void {
    const heard = answers(this.protocol, this.client.received).filter(({ kind }) => kind === 'reply').length;
    const now = performance.now();
    while (this.times.length < heard) this.times.push(now - this.#sentAt[this.times.length]!);
  }
}

/** For clients that got anything but their replies: what they got instead. */
export function disturbed(sessions: ClientSession[]): string[] {
  const those = sessions.filter(({ expected, heard, error }) => error ?? !isDeepStrictEqual(heard, expected));
  return those.map(({ who, expected, heard, error }) => {
    const wrong = heard.findIndex((answer, n) => !isDeepStrictEqual(answer, expected[n]));
    const { kind, text } = heard[wrong] ?? { kind: 'nothing', text: '' };
    const right = wrong < 0 ? heard.length : wrong;
    return `${who}: ${right} of ${expected.length} replies, then ${kind} ${text.slice(0, 100)} ${error?.message ?? ''}`;
  });
}
