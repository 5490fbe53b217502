/** Looks on at one connection, and says what is new: always the same few fields, and its bytes only if it is followed. */
import { excerpt } from '@knock/shared/log/excerpt';

import type { CloseReason } from '../net/close-reason.ts';
import type { ConnectionObserver } from '../net/connection-stats.ts';
import type { Connection } from '../net/connection.ts';
import type { ProtocolName } from '../protocols/detect.ts';

/** What is known of one connection. */
export interface ConnectionUpdate {
  id: number;
  address: string;
  /** The client's port. */
  port: number | undefined;
  name: string | undefined;
  protocol: ProtocolName | undefined;
  tls: boolean;
  /**
   * `opened`: its protocol is not known yet. `talking`: something has crossed since the last update. `closing`: its last
   * words were said, and it is waited for. `hidden`: it only looks, and is not shown.
   */
  state: 'opened' | 'talking' | 'quiet' | 'closing' | 'closed' | 'hidden';
  /** Why it is ending or has ended. */
  reason: CloseReason | undefined;
  /** How long it has been open, in milliseconds. */
  ms: number;
  reads: number;
  messages: number;
  bytesIn: number;
  bytesOut: number;
  /** One of the exchanges since the last update: at most 128 bytes of each, escaped. */
  exchange?: SampledExchange;
  /** What happened, one thing after another, where it is followed. */
  steps?: Step[];
  /** How many steps there were besides. */
  missed?: number;
}

interface SampledExchange {
  message: string;
  reply?: string;
  error?: string;
}

/** Bytes that crossed. `ms`: since the connection was accepted. `hex`: the first bytes of `size`. */
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
  /** Undefined: it is not followed. */
  #steps: Step[] | undefined;
  #missed = 0;
  /** Set when the connection has ended: how long it lasted, in milliseconds. */
  #lifetimeMs: number | undefined;
  #bytesSeen = 0;
  #lastSent: string | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.stats.observer = this;
  }

  /** Whether the connection has ended, and that is the last there is to tell. */
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

  /** What has changed since it was asked last; undefined: nothing, or it is not shown. */
  takeUpdate(): ConnectionUpdate | undefined {
    const { steps, exchange, missed } = this.#take();
    const fields = this.#fields();
    const { ms: _, ...facts } = fields;
    const told = fields.state === 'hidden' ? 'hidden' : JSON.stringify(facts);
    const isNews = told !== this.#lastSent && (told !== 'hidden' || this.#lastSent !== undefined);
    if (isNews) this.#lastSent = told;
    if (!isNews && !steps?.length) return undefined;
    return { ...fields, ...(exchange && { exchange }), ...(steps?.length && { steps }), ...(missed > 0 && { missed }) };
  }

  /** All that is known now; undefined: it is not shown. */
  snapshot(): ConnectionUpdate | undefined {
    const fields = this.#fields();
    return fields.state === 'hidden' ? undefined : fields;
  }

  #fields(): ConnectionUpdate {
    const { id, address, port, name, protocol, inTls, closeReason, stats } = this.#connection;
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

  /** One exchange is enough between two updates; more would cost, and nobody could see them. */
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
      // Not a copy of what may be a whole message: its first bytes are enough.
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
