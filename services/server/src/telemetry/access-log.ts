import { escapeControls, hexBytes, excerpt, sizeOf } from '@knock/shared/log/excerpt';
/** What the log says of connections: one line for each at its end, and more of it for those who ask for more. */
import type { Logger } from '@knock/shared/log/log';

import type { ConnectionStats } from '../net/connection-stats.ts';
import type { Connection } from '../net/connection.ts';

/** The one line at its end. */
export function logSession(logger: Logger, connection: Connection): void {
  const { who, stats } = connection;
  const { firstMessage, firstReply, lastErrorReply, errorReplies } = stats;
  const fields = {
    connection: connection.id,
    client: who,
    address: connection.address,
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

/** Health checks, and probes that only connect, come all the time and say nothing about the clients. */
function isProbe({ stats, closeReason }: Connection): boolean {
  const { messages, probes, errorReplies, bytesIn } = stats;
  if (messages > 0 || errorReplies.size > 0) return false;
  return probes > 0 ? closeReason !== 'malformed' : bytesIn === 0 && closeReason === 'client_closed';
}

/** How often each code was said, and what was said last. */
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

/** One message and its reply. */
export function logExchange(logger: Logger, connection: Connection, message: string, reply: string): void {
  if (!logger.isLevelEnabled('debug')) return;
  const fields = { connection: connection.id, message: excerpt(message), reply: excerpt(reply) };
  logger.debug(fields, `${connection.who} said "${fields.message}", got "${fields.reply}"`);
}

/** One read, with its bytes. */
export function logRead(logger: Logger, connection: Connection, bytes: Buffer): void {
  if (!logger.isLevelEnabled('trace')) return;
  const fields = { connection: connection.id, bytes: hexBytes(bytes) };
  logger.trace(fields, `${connection.who} sent ${sizeOf(bytes)}: ${fields.bytes}`);
}

/** A handler that failed; only the first time for each connection above `debug`, so that no client can fill the log. */
export function logFailure(logger: Logger, connection: Connection, thrown: unknown): void {
  const { failure, stack } = describeFailure(thrown);
  const hasFailed = connection.stats.errorReplies.has('failed') || connection.stats.errorReplies.has('500');
  const level = hasFailed ? 'debug' : 'error';
  logger[level]({ connection: connection.id, stack }, `the handler failed for ${connection.who}: ${failure}`);
}

/**
 * A handler whose reply or failure nobody hears any more: it changes no count, and no line that was logged. `lateMs`: after
 * its timeout, if that ended its connection. `thrown`: what it threw, if it did not reply.
 */
export function logLateHandler(
  logger: Logger,
  connection: Connection,
  lateMs: number,
  thrown?: { error: unknown },
): void {
  const timedOut = connection.closeReason === 'handler_timeout';
  const when = timedOut ? `${Math.round(lateMs)} ms after its timeout` : `after its connection had ended`;
  const { failure, stack } = thrown ? describeFailure(thrown.error) : {};
  const fields = { connection: connection.id, ...(stack === undefined ? {} : { stack }) };
  const text = `the handler ${thrown ? 'failed' : 'replied'} ${when} for ${connection.who}`;
  // A handler that stops because its client has left does what it should.
  logger[timedOut ? 'warn' : 'debug'](fields, failure === undefined ? text : `${text}: ${failure}`);
}

/** A fault in the server's own code, which costs one connection. */
export function logFault(logger: Logger, connection: Connection, thrown: unknown): void {
  const { failure, stack } = describeFailure(thrown);
  const text = `a fault in the server ended the connection of ${connection.who}: ${failure}`;
  logger.error({ connection: connection.id, stack }, text);
}

/** How often an accept error is logged at most: where descriptors are short, each newcomer makes one. */
const ACCEPT_ERROR_LOG_MS = 1000;

/** For the listener's errors: the connection stays in the kernel's queue, and Node tries again. */
export function acceptErrorLog(logger: Logger): (error: NodeJS.ErrnoException) => void {
  let loggedAt = -Infinity;
  return ({ code, message }) => {
    const now = performance.now();
    if (now - loggedAt < ACCEPT_ERROR_LOG_MS) return;
    loggedAt = now;
    const advice = 'newcomers wait: raise the limits of descriptors and memory (ulimit -n), or lower MAX_CONNECTIONS';
    logger.error({ code }, `cannot accept connections (${code ?? message}): ${advice}`);
  };
}

/** Says what bytes that are none of our protocols would have meant, and what to send instead. */
export function logUnknownProtocol(logger: Logger, connection: Connection, head: Buffer): void {
  const { id, who, protocol } = connection;
  const fields = { connection: id, address: connection.address, bytes: hexBytes(head.subarray(0, 16)) };
  if (protocol === 'tls') {
    const advice = connection.inTls
      ? 'it is inside TLS already: one is enough'
      : 'TLS is not configured here: use http:// instead of https://, or connect without TLS';
    logger.warn(fields, `${who} began a TLS handshake; ${advice}`);
    return;
  }
  const length = head.length < 4 ? '' : `, and a length of ${head.readUIntBE(1, 3)} bytes`;
  const meaning = `read as a frame, that is kind ${head[0]}, which no client may send${length}`;
  const advice = 'send a frame (00, three bytes of length, the text), a line of text, or an HTTP request';
  logger.warn(fields, `${who} sent ${fields.bytes}, which is no protocol of this server: ${meaning}; ${advice}`);
}

/** What went wrong in a handler, for the log: whatever it threw, on one line; and where, if that is known. */
function describeFailure(thrown: unknown): { failure: string; stack?: string } {
  if (!(thrown instanceof Error)) return { failure: `it threw ${typeof thrown}` };
  const [name, message, stack] = [thrown.name, thrown.message, thrown.stack].map(String) as [string, string, string];
  // Only the lines that name a place, behind the message: it may hold what the client sent, such lines among it.
  const places = stack.slice(stack.indexOf(message) + message.length).match(/^ {4}at .*$/gm) ?? [];
  return { failure: excerpt(`${name}: ${message}`), stack: places.map(escapeControls).join('\n') };
}
