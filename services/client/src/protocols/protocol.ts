/** What a protocol is to a connection: its codec, and what the server's answers mean for the messages that wait. */
import type { Codec } from '@knock/shared/codec/codec';

import type { Outcome } from '../delivery/outcome.ts';

/**
 * How a connection ended, and how soon another may be tried: at once where nothing was left unanswered, and the server did
 * not send this client away.
 */
export interface ConnectionEnd {
  why: string;
  next: 'at once' | 'soon' | 'later';
}

/** What something that the server sent means. */
export interface Meaning {
  /** Of the oldest message that waits. */
  outcome?: Outcome;
  /** Another try would be no better: the server has decided. */
  final?: boolean;
  /** The connection ends, and the server has handled nothing behind this. */
  ending?: ConnectionEnd;
}

/** `In` is what the codec decodes. Of one connection. */
export interface ClientProtocol<In> {
  readonly codec: Pick<Codec<In, never>, 'push' | 'next' | 'end' | 'encode'>;
  /** How many messages may be unanswered at once; the rest wait unwritten. */
  readonly window: number;
  /** `wasAnswered`: this connection has brought an answer before. */
  meaningOf(input: In, wasAnswered: boolean): Meaning;
}
