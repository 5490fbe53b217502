/** What things mean, for people who see them for the first time. */

/** Why a connection ended, by close reason. @type {Record<string, string>} */
export const REASONS = {
  completed: 'everything was answered, and both sides have closed',
  client_closed: 'the client disconnected',
  truncated: 'the client closed in the middle of a message',
  first_byte_timeout: 'the client never sent a byte',
  message_timeout: 'the client did not finish its message in time',
  idle_timeout: 'the client was silent for too long',
  write_timeout: 'the client did not read its replies',
  handler_timeout: 'the handler did not reply in time',
  too_large: 'a message was above the limit',
  malformed: 'the bytes were no valid message',
  unknown_protocol: 'the first byte belongs to no protocol of this server',
  tls_error: 'the TLS handshake failed, or TLS is required',
  proxy_error: 'its PROXY header was missing, malformed or not allowed',
  busy: 'the server was at its connection limit',
  drained: 'the server is shutting down, and had answered everything',
  drain_timeout: 'the server shut down before this client was done',
  error: 'the network or the server failed',
};

/** What each part of the bytes is. @type {Record<string, string>} */
export const ROLES = {
  kind: 'kind of frame (00: a message)',
  length: 'length of the payload, in three bytes',
  payload: 'payload: the message itself',
  text: 'the message itself',
  'line end': 'line end: the message ends here',
  head: 'head of the request, up to an empty line',
  body: 'body: the message itself',
  tls: 'TLS: encrypted',
  bytes: 'bytes',
};

/** @param {number} count @param {string} word */
export function plural(count, word) {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** @param {number} bytes */
export function inBytes(bytes) {
  if (bytes < 10_000) return plural(bytes, 'byte');
  const [size, unit] = bytes < 10_000_000 ? [bytes / 1e3, 'kB'] : [bytes / 1e6, 'MB'];
  return `${size.toLocaleString('en', { maximumFractionDigits: 1 })} ${unit}`;
}
