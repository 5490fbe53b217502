/** Why connections end: a closed list, so that each can be counted and none stays unexplained. */

export const CLOSE_REASONS = [
  'done',
  'client_left',
  'cut_short',
  'first_byte_timeout',
  'message_timeout',
  'idle_timeout',
  'write_timeout',
  'handler_timeout',
  'too_large',
  'bad_frame',
  'unknown_protocol',
  'tls',
  'busy',
  'drained',
  'drain_timeout',
  'error',
] as const;

/** Why a connection ended. Each ends for exactly one of these. */
export type CloseReason = (typeof CLOSE_REASONS)[number];

/** A timeout's reason is the close reason to which it leads, but that a drain's ends as `drained` whom nobody was serving. */
export type TimeoutReason = Extract<CloseReason, `${string}_timeout`>;
