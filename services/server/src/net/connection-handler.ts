/** What handles a connection's events: first the protocol detector, a TLS handshake perhaps, then a session or an event stream. */
import type { CloseReason, TimeoutReason } from './close-reason.ts';

export interface ConnectionHandler {
  onData?(bytes: Buffer): void;
  /** The client has closed its side (half-close): no more bytes will come. */
  onEnd?(): void;
  /** The event loop's turn is ending: time to write, see {@link PendingWrites}. */
  onTurnEnd?(): void;
  /** The kernel has taken all that was written, after it did not take everything at once. */
  onWritable?(): void;
  /** The connection's deadline has passed. */
  onTimeout?(reason: TimeoutReason): void;
  /** The server drains: answer what has come completely, then end. */
  shutdown(): void;
  /** The client is not served: say why where its protocol is known, then end. */
  deny(reason: CloseReason, detail: string): void;
  /** A fault in our own code ends the connection: send an error where the protocol has one. May throw itself. */
  onFault?(): void;
  /** The connection ends or gets another handler: release timers. */
  detach?(): void;
}
