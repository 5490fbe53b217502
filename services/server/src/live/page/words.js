/** What things mean, for somebody who sees them for the first time. */

/** Why a connection ended, by close reason. @type {Record<string, string>} */
export const REASONS = {
  completed: 'all was said: both sides have closed, and the socket is gone',
  client_closed: 'the client went away',
  truncated: 'the client closed in the middle of a message',
  first_byte_timeout: 'the client never said anything',
  message_timeout: 'the client began a message and did not finish it in time',
  idle_timeout: 'the client was silent for too long',
  write_timeout: 'the client did not read its replies',
  handler_timeout: 'the server had no reply in time',
  too_large: 'a message was above the limit',
  malformed: 'what came is no message of its protocol',
  unknown_protocol: 'the first byte belongs to no protocol of this server',
  tls_error: 'TLS was not possible, or was asked for',
  busy: 'the server had no room for another client',
  drained: 'the server is leaving, and had answered everything',
  drain_timeout: 'the server left before this client was done',
  error: 'the network failed',
};

/** What a part of the bytes is. @type {Record<string, string>} */
export const ROLES = {
  kind: 'kind of frame (00: a message)',
  length: 'length of the payload, in three bytes',
  payload: 'payload: the message itself',
  text: 'the message itself',
  'line end': 'line end: here a message is over',
  head: 'head of the request, up to an empty line',
  body: 'body: the message itself',
  tls: 'TLS: sealed for anybody between',
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
