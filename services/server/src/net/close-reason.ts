/** Why connections end: a closed list, so that every end is counted and explained. */

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
  'proxy_error',
  'busy',
  'drained',
  'drain_timeout',
  'error',
] as const;

/** Why a connection ended: exactly one of these. */
export type CloseReason = (typeof CLOSE_REASONS)[number];

/** What a deadline runs for: the close reason to which it leads. `drain_grace`, of clients that nobody serves, leads to `drained`. */
export type TimeoutReason =
  | Extract<CloseReason, `${'first_byte' | 'message' | 'idle' | 'handler'}_timeout`>
  | 'drain_grace';

/** The client reset the connection, or keep-alive found that its network is gone. */
const CLIENT_GONE = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];

/** The close reason for an error of the socket, by the system's or OpenSSL's code. */
export function closeReasonOf({ code = '' }: NodeJS.ErrnoException): CloseReason {
  if (CLIENT_GONE.includes(code)) return 'client_closed';
  return code.startsWith('ERR_SSL_') ? 'tls_error' : 'error';
}
