/** What a connection counts for the log, the metrics and the live page. Nothing is added up while clients are served. */
import type { Socket } from 'node:net';

import { excerpt } from '@knock/shared/log/excerpt';

/** Sees what happens on one connection, for the live page. */
export interface ConnectionObserver {
  onRead(bytes: Buffer): void;
  onMessage(message: string): void;
  onReply(reply: string): void;
  onErrorReply(code: string): void;
  onWrite(bytes: Buffer | string): void;
}

const NO_ERRORS: ReadonlyMap<string, number> = new Map();

export class ConnectionStats {
  /** Undefined while nobody watches, so that watching costs only the connections that are watched. */
  observer: ConnectionObserver | undefined;
  reads = 0;
  messages = 0;
  /** Requests that are no messages: health checks, metrics and the files of the live page. */
  probes = 0;
  /** An excerpt for the log: the whole message would stay in memory as long as its connection. */
  firstMessage: string | undefined;
  firstReply: string | undefined;
  lastErrorReply: { code: string; detail: string } | undefined;
  #errorReplies: Map<string, number> | undefined;
  /** Counts bytes as they are on the network, outside TLS. */
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bytesIn(): number {
    return this.#socket.bytesRead;
  }

  get bytesOut(): number {
    return this.#socket.bytesWritten;
  }

  /** Counts by error code. */
  get errorReplies(): ReadonlyMap<string, number> {
    return this.#errorReplies ?? NO_ERRORS;
  }

  recordRead(bytes: Buffer): void {
    this.reads += 1;
    this.observer?.onRead(bytes);
  }

  recordMessage(message: string): void {
    this.messages += 1;
    this.firstMessage ??= excerpt(message);
    this.observer?.onMessage(message);
  }

  recordReply(reply: string): void {
    this.firstReply ??= excerpt(reply);
    this.observer?.onReply(reply);
  }

  recordErrorReply(code: string, detail: string): void {
    this.#errorReplies ??= new Map();
    this.#errorReplies.set(code, (this.#errorReplies.get(code) ?? 0) + 1);
    this.lastErrorReply = { code, detail };
    this.observer?.onErrorReply(code);
  }
}
