/** Why connections end: a closed list, so that each can be counted and none stays unexplained. */

export const CLOSE_REASONS = [
  'completed',
  'client_closed',
  'truncated',
  'first_byte_timeout',
  'message_timeout',
  'idle_timeout',
  'write_timeout',
  'handler_timeout',
  'too_large',
  'malformed',
  'unknown_protocol',
  'tls_error',
  'busy',
  'drained',
  'drain_timeout',
  'error',
] as const;

/** Why a connection ended. Each ends for exactly one of these. */
export type CloseReason = (typeof CLOSE_REASONS)[number];

/** A timeout's reason is the close reason to which it leads, but that a drain's ends as `drained` whom nobody was serving. */
export type TimeoutReason = Extract<CloseReason, `${string}_timeout`>;
