/** The access log: one line for each connection, at its end; each message at `debug`, each read at `trace`. */
import { escapeControls, hexBytes, excerpt, sizeOf } from '@knock/shared/log/excerpt';
import type { Logger } from '@knock/shared/log/log';

import type { ConnectionStats } from '../net/connection-stats.ts';
import type { Connection } from '../net/connection.ts';

/** Logs the line of a connection that has ended. */
export function logSession(logger: Logger, connection: Connection): void {
  const { peer, stats } = connection;
  const { who, address } = peer;
  const { firstMessage, firstReply, lastErrorReply, errorReplies } = stats;
  const fields = {
    connection: connection.id,
    client: who,
    address,
    protocol: connection.protocol,
    ...(connection.inTls ? { tls: true } : {}),
    messages: stats.messages,
    ...(firstMessage === undefined ? {} : { message: firstMessage }),
    ...(firstReply === undefined ? {} : { reply: firstReply }),
    ...(lastErrorReply === undefined ? {} : errorReplyFields(errorReplies, lastErrorReply)),
    bytesIn: stats.bytesIn,
    bytesOut: stats.bytesOut,
    ms: Math.round(performance.now() - connection.openedAt),
    reason: connection.closeReason,
  };
  const { protocol = 'no protocol', ms, reason } = fields;
  const spoken = connection.inTls ? `${protocol} in TLS` : protocol;
  const end = reason === 'completed' ? '' : `: ${reason}`;
  const text = `${who} ${summarize(fields)} (${spoken}, ${ms} ms${end})`;
  if (isProbe(connection)) logger.debug(fields, text);
  else logger.info(fields, text);
}

/** Health checks, and connections without a byte, are frequent and say nothing about clients: logged at `debug`. */
function isProbe({ stats, closeReason }: Connection): boolean {
  const { messages, probes, errorReplies, reads } = stats;
  if (messages > 0 || errorReplies.size > 0) return false;
  return probes > 0 ? closeReason !== 'malformed' : reads === 0 && closeReason === 'client_closed';
}

/** How often each code was sent, and the last error in full. */
function errorReplyFields(
  errorReplies: ConnectionStats['errorReplies'],
  { code, detail }: NonNullable<ConnectionStats['lastErrorReply']>,
) {
  return { errorReplies: Object.fromEntries(errorReplies), errorReply: `${code}: ${detail}` };
}

interface ExchangeSummary {
  messages: number;
  message?: string;
  reply?: string;
  errorReply?: string;
}

function summarize({ messages, message, reply, errorReply }: ExchangeSummary): string {
  if (message === undefined) return errorReply === undefined ? 'said no message' : `got error ${errorReply}`;
  const said = messages === 1 ? `said "${message}"` : `said ${messages} messages, first "${message}"`;
  if (reply !== undefined) return `${said}, got "${reply}"`;
  return errorReply === undefined ? `${said}, got no reply` : `${said}, got error ${errorReply}`;
}

/** Logs a message and its reply. */
export function logExchange(logger: Logger, connection: Connection, message: string, reply: string): void {
  if (!logger.isLevelEnabled('debug')) return;
  const fields = { connection: connection.id, message: excerpt(message), reply: excerpt(reply) };
  logger.debug(fields, `${connection.peer.who} said "${fields.message}", got "${fields.reply}"`);
}

/** Logs a read, with its first bytes. */
export function logRead(logger: Logger, connection: Connection, bytes: Buffer): void {
  if (!logger.isLevelEnabled('trace')) return;
  const fields = { connection: connection.id, bytes: hexBytes(bytes) };
  logger.trace(fields, `${connection.peer.who} sent ${sizeOf(bytes)}: ${fields.bytes}`);
}

/** Logs a failed handler: at `error` once for each connection, then at `debug`, so that no client can flood the log. */
export function logFailure(logger: Logger, connection: Connection, thrown: unknown): void {
  const { failure, stack } = describeFailure(thrown);
  const hasFailed = connection.stats.errorReplies.has('failed') || connection.stats.errorReplies.has('500');
  const level = hasFailed ? 'debug' : 'error';
  logger[level]({ connection: connection.id, stack }, `handler failed for ${connection.peer.who}: ${failure}`);
}

/**
 * Logs a handler that settled too late for its client. No counter and no earlier line changes. `lateMs`: the time since its
 * timeout, if that ended the connection. `thrown`: what it threw, if it did not reply.
 */
export function logLateHandler(
  logger: Logger,
  connection: Connection,
  lateMs: number,
  thrown?: { error: unknown },
): void {
  const timedOut = connection.closeReason === 'handler_timeout';
  const when = timedOut ? `${Math.round(lateMs)} ms after HANDLER_TIMEOUT_MS` : 'after the connection had ended';
  const { failure, stack } = thrown ? describeFailure(thrown.error) : {};
  const fields = { connection: connection.id, ...(stack === undefined ? {} : { stack }) };
  const text = `handler ${thrown ? 'failed' : 'replied'} ${when} for ${connection.peer.who}`;
  // A handler that stops because its client is gone is right to.
  logger[timedOut ? 'warn' : 'debug'](fields, failure === undefined ? text : `${text}: ${failure}`);
}

/** Logs a bug in the server's own code, which costs one connection. */
export function logFault(logger: Logger, connection: Connection, thrown: unknown): void {
  const { failure, stack } = describeFailure(thrown);
  const text = `internal error closed the connection of ${connection.peer.who}: ${failure}`;
  logger.error({ connection: connection.id, stack }, text);
}

/** The shortest time between two accept errors in the log: without descriptors, every new connection causes one. */
const ACCEPT_ERROR_LOG_MS = 1000;

/** Logs the listener's errors: the connection stays in the accept queue, and Node retries. */
export function acceptErrorLog(logger: Logger): (error: NodeJS.ErrnoException) => void {
  let loggedAt = -Infinity;
  return ({ code, message }) => {
    const now = performance.now();
    if (now - loggedAt < ACCEPT_ERROR_LOG_MS) return;
    loggedAt = now;
    const advice = 'they wait in the accept queue: raise the descriptor limit (ulimit -n), or lower MAX_CONNECTIONS';
    logger.error({ code }, `cannot accept connections (${code ?? message}): ${advice}`);
  };
}

/** Logs first bytes that get no session: of no known protocol, TLS or a PROXY header where it must not be. Says what to do. */
export function logNoSession(logger: Logger, connection: Connection, head: Buffer): void {
  const { id, peer, protocol } = connection;
  const { who, address } = peer;
  const bytes = hexBytes(head.subarray(0, 16));
  const fields = { connection: id, address, bytes };
  if (protocol === 'proxy') {
    logger.warn(fields, `PROXY header from ${who}${proxyAdvice(connection)}`);
  } else if (protocol !== 'tls') {
    const advice = 'send a frame, a line of text or an HTTP request';
    logger.warn(fields, `unknown protocol from ${who} (first bytes ${bytes}): ${advice}`);
  } else if (connection.inTls) {
    logger.warn(fields, `TLS handshake inside TLS from ${who}: connect with TLS only once`);
  } else {
    const advice = 'use http:// instead of https://, or set TLS_CERT_FILE and TLS_KEY_FILE';
    logger.warn(fields, `TLS handshake from ${who}, but TLS is not configured: ${advice}`);
  }
}

function proxyAdvice({ inTls, peer: { viaProxy, address } }: Connection): string {
  if (inTls) return ' inside TLS: the proxy must send it before the TLS handshake';
  if (viaProxy) return ' behind another one: only the proxy in front of this server may send one';
  return `, which is no trusted proxy: add ${address} to TRUSTED_PROXIES, or let the proxy send none`;
}

/** What was thrown, on one line, and its stack, if there is one. */
function describeFailure(thrown: unknown): { failure: string; stack?: string } {
  if (!(thrown instanceof Error)) return { failure: `threw ${typeof thrown}, not an Error` };
  const [name, message, stack] = [thrown.name, thrown.message, thrown.stack].map(String) as [string, string, string];
  // Only lines after the message: the message may hold client bytes that forge stack lines.
  const places = stack.slice(stack.indexOf(message) + message.length).match(/^ {4}at .*$/gm) ?? [];
  return { failure: excerpt(`${name}: ${message}`), stack: places.map(escapeControls).join('\n') };
}
