/** A client that says one thing after another, at a pace of its own, whether it is answered or not; each thing is another. */
import { isDeepStrictEqual } from 'node:util';

import { RawClient } from '@knock/server/test/raw-client';

import { type Answer, answers, type Protocol, replies, say } from './protocols.ts';

/** What one client said and heard, from beginning to end. */
export interface Talk {
  who: string;
  /** What it had to hear: each message back, in order. */
  expected: Answer[];
  heard: Answer[];
  /** What ended its connection, if that was an error. */
  error: Error | undefined;
}

/** Where a server is reached. */
export interface Address {
  host: string;
  port: number;
}

export class PacedClient {
  readonly client: RawClient;
  readonly protocol: Protocol;
  /** How long each reply took, in milliseconds. */
  readonly times: number[] = [];
  readonly #name: string;
  readonly #sent: string[] = [];
  readonly #sentAt: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Resolves when it was answered for the first time. */
  static async enter({ host, port }: Address, protocol: Protocol, name: string): Promise<PacedClient> {
    const talker = new PacedClient(await RawClient.to(port, host), protocol, name);
    talker.say();
    await talker.answered();
    return talker;
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

  /** The bytes of the next thing that it has to say, for whoever says it in pieces. */
  next(): Buffer {
    const message = `${this.#name}, message ${this.#sent.length}`;
    this.#sent.push(message);
    this.#sentAt.push(performance.now());
    return say(this.protocol, message);
  }

  /** Resolves when all that it has said was answered; rejects if its connection ends before. */
  async answered(): Promise<void> {
    await this.client.until(this.#sent.at(-1)!);
  }

  /** Says no more, closes its side, and waits for the end of the other. */
  async leave(): Promise<Talk> {
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

/** Of those that heard anything but a reply to each of their messages, what they heard instead. */
export function disturbed(talks: Talk[]): string[] {
  const those = talks.filter(({ expected, heard, error }) => error ?? !isDeepStrictEqual(heard, expected));
  return those.map(({ who, expected, heard, error }) => {
    const wrong = heard.findIndex((answer, n) => !isDeepStrictEqual(answer, expected[n]));
    const { kind, text } = heard[wrong] ?? { kind: 'nothing', text: '' };
    const right = wrong < 0 ? heard.length : wrong;
    return `${who}: ${right} of ${expected.length} replies, then ${kind} ${text.slice(0, 100)} ${error?.message ?? ''}`;
  });
}
