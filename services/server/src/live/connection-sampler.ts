/** Samples one connection for the live page: a few fields, and its bytes only if it is followed. */
import { excerpt } from '@knock/shared/log/excerpt';

import type { CloseReason } from '../net/close-reason.ts';
import type { ConnectionObserver } from '../net/connection-stats.ts';
import type { Connection } from '../net/connection.ts';
import type { ProtocolName } from '../protocols/detect.ts';

/** What the page knows about one connection. */
export interface ConnectionUpdate {
  id: number;
  address: string;
  /** The client's port. */
  port: number | undefined;
  name: string | undefined;
  protocol: ProtocolName | undefined;
  tls: boolean;
  /**
   * `opened`: protocol not known yet. `talking`: bytes have crossed since the last update. `closing`: the server has sent its
   * last bytes. `hidden`: only probes or the page itself, not shown.
   */
  state: 'opened' | 'talking' | 'quiet' | 'closing' | 'closed' | 'hidden';
  /** Set once it is ending or has ended. */
  reason: CloseReason | undefined;
  /** How long it has been open, in milliseconds. */
  ms: number;
  reads: number;
  messages: number;
  bytesIn: number;
  bytesOut: number;
  /** One exchange since the last update: at most 128 bytes of each text, escaped. */
  exchange?: SampledExchange;
  /** What happened, in order, if the connection is followed. */
  steps?: Step[];
  /** How many steps were left out. */
  missed?: number;
}

interface SampledExchange {
  message: string;
  reply?: string;
  error?: string;
}

/** Bytes of one read or write. `ms`: since the connection was accepted. `hex`: the first bytes of `size`. */
export interface WireStep {
  kind: 'read' | 'write';
  ms: number;
  size: number;
  hex: string;
}

/** What the bytes mean. */
export interface MessageStep {
  kind: 'message' | 'reply' | 'error';
  ms: number;
  text: string;
}

export type Step = WireStep | MessageStep;

const MAX_STEPS = 64;
const MAX_HEX_BYTES = 192;

export class ConnectionSampler implements ConnectionObserver {
  readonly #connection: Connection;
  #exchange: SampledExchange | undefined;
  /** Undefined: not followed. */
  #steps: Step[] | undefined;
  #missed = 0;
  /** How long the connection lasted, in milliseconds; undefined: it is still open. */
  #lifetimeMs: number | undefined;
  #bytesSeen = 0;
  #lastSent: string | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.stats.observer = this;
  }

  /** Whether the connection has ended: its next update is the last. */
  get hasEnded(): boolean {
    return this.#lifetimeMs !== undefined;
  }

  follow(followed: boolean): void {
    if (!followed) this.#steps = undefined;
    else this.#steps ??= [];
  }

  detach(): void {
    this.#connection.stats.observer = undefined;
  }

  end(): void {
    this.#lifetimeMs = this.#age;
  }

  onRead(bytes: Buffer): void {
    this.#add('read', bytes);
  }

  onWrite(bytes: Buffer | string): void {
    this.#add('write', bytes);
  }

  onMessage(message: string): void {
    this.#exchange ??= { message: excerpt(message) };
    this.#add('message', message);
  }

  onReply(reply: string): void {
    if (this.#exchange) this.#exchange.reply ??= excerpt(reply);
    this.#add('reply', reply);
    this.#pauseSampling();
  }

  onErrorReply(code: string): void {
    if (this.#exchange) this.#exchange.error ??= code;
    this.#add('error', code);
    this.#pauseSampling();
  }

  /** What has changed since the last call; undefined: nothing, or the connection is hidden. */
  takeUpdate(): ConnectionUpdate | undefined {
    const { steps, exchange, missed } = this.#take();
    const fields = this.#fields();
    const { ms: _, ...facts } = fields;
    const current = fields.state === 'hidden' ? 'hidden' : JSON.stringify(facts);
    const changed = current !== this.#lastSent && (current !== 'hidden' || this.#lastSent !== undefined);
    if (changed) this.#lastSent = current;
    if (!changed && !steps?.length) return undefined;
    return { ...fields, ...(exchange && { exchange }), ...(steps?.length && { steps }), ...(missed > 0 && { missed }) };
  }

  /** All fields now; undefined: the connection is hidden. */
  snapshot(): ConnectionUpdate | undefined {
    const fields = this.#fields();
    return fields.state === 'hidden' ? undefined : fields;
  }

  #fields(): ConnectionUpdate {
    const { id, peer, protocol, inTls, closeReason, stats } = this.#connection;
    const { address, port, name } = peer;
    const { reads, messages, bytesIn, bytesOut } = stats;
    const state = this.#state();
    this.#bytesSeen = reads + bytesOut;
    const ms = Math.round(this.#lifetimeMs ?? this.#age);
    const reason = closeReason;
    return { id, address, port, name, protocol, tls: inTls, state, reason, ms, reads, messages, bytesIn, bytesOut };
  }

  #state(): ConnectionUpdate['state'] {
    const { ending, protocol, stats } = this.#connection;
    const { probes, messages, reads, bytesOut } = stats;
    if (probes > 0 && messages === 0) return 'hidden';
    if (this.hasEnded) return 'closed';
    if (ending) return 'closing';
    if (protocol === undefined) return 'opened';
    return reads + bytesOut === this.#bytesSeen ? 'quiet' : 'talking';
  }

  #take() {
    const taken = { steps: this.#steps, exchange: this.#exchange, missed: this.#missed };
    this.#steps &&= [];
    this.#exchange = undefined;
    this.#missed = 0;
    this.#connection.stats.observer = this;
    return taken;
  }

  /** One exchange for each update is all that people can see, so observing stops until the next. */
  #pauseSampling(): void {
    if (this.#exchange && this.#steps === undefined) this.detach();
  }

  #add(kind: Step['kind'], what: Buffer | string): void {
    if (this.#steps === undefined) return;
    if (this.#steps.length >= MAX_STEPS) {
      this.#missed += 1;
      return;
    }
    const ms = Math.round(this.#age * 10) / 10;
    if (kind === 'read' || kind === 'write') {
      // The first bytes only: the buffer may hold a whole message.
      const bytes = typeof what === 'string' ? Buffer.from(what) : what;
      this.#steps.push({ ms, kind, size: bytes.length, hex: bytes.toString('hex', 0, MAX_HEX_BYTES) });
    } else {
      this.#steps.push({ ms, kind, text: excerpt(what as string) });
    }
  }

  get #age(): number {
    return performance.now() - this.#connection.openedAt;
  }
}
