/** A protocol as a connection sees it: a codec, and what the server's answers mean for the pending messages. */
import type { Codec } from '@knock/shared/codec/codec';

import type { Outcome } from '../delivery/outcome.ts';

/**
 * How a connection ended, and when to try another: at once only if no message is unanswered and the server did not ask
 * this client to stay away.
 */
export interface ConnectionEnd {
  why: string;
  next: 'at once' | 'soon' | 'later';
}

/** What one answer of the server means. */
export interface Meaning {
  /** Of the oldest pending message. */
  outcome?: Outcome;
  /** The server's decision is final: a retry would end the same way. */
  final?: boolean;
  /** The connection ends, and the server handled none of the later messages. */
  ending?: ConnectionEnd;
}

/** The protocol of one connection. `In` is what the codec decodes. */
export interface ClientProtocol<In> {
  readonly codec: Pick<Codec<In, never>, 'push' | 'next' | 'end' | 'encode'>;
  /** How many messages may be unanswered at once; further ones wait unwritten. */
  readonly window: number;
  /** `wasAnswered`: this connection had an answer before. */
  meaningOf(input: In, wasAnswered: boolean): Meaning;
}
