/** The one line that the log has for each connection, written at its end. */
import type { Logger } from '@knock/shared/log';
import { hexBytes, sampleText } from '@knock/shared/text-sample';

import type { Connection } from './connection.ts';

/** `who`: the caller's name, or its address. */
export function logConnection(logger: Logger, connection: Connection, who: string): void {
  const { socket, firstMessage, firstReply } = connection;
  const fields = {
    connection: connection.id,
    caller: who,
    address: connection.address,
    language: connection.language,
    messages: connection.messages,
    ...(firstMessage === undefined ? {} : { message: sampleText(firstMessage) }),
    ...(firstReply === undefined ? {} : { reply: sampleText(firstReply) }),
    bytesIn: socket.bytesRead,
    bytesOut: socket.bytesWritten,
    ms: Math.round(performance.now() - connection.openedAt),
    reason: connection.closeReason,
  };
  const { language = 'no language', bytesIn, bytesOut, ms, reason } = fields;
  const sentence = `${who} ${whatWasSaid(fields)} (${language}, ${bytesIn} B in, ${bytesOut} B out, ${ms} ms: ${reason})`;
  // Health checks, and probes that only connect, come all the time and say nothing about the callers.
  const isProbe = connection.messages === 0 && (connection.probes > 0 || (bytesIn === 0 && reason === 'caller_left'));
  if (isProbe) logger.debug(fields, sentence);
  else logger.info(fields, sentence);
}

function whatWasSaid({ messages, message, reply }: { messages: number; message?: string; reply?: string }): string {
  if (message === undefined) return 'said no message';
  const said = messages === 1 ? `said "${message}"` : `said ${messages} messages, first "${message}"`;
  return reply === undefined ? `${said} and got no reply` : `${said} and got "${reply}"`;
}

/** Says what bytes that are none of our languages would have meant, and what to send instead. */
export function logStrangeBytes(logger: Logger, connection: Connection, head: Buffer): void {
  const fields = { connection: connection.id, address: connection.address, bytes: hexBytes(head.subarray(0, 16)) };
  if (connection.language === 'tls') {
    const advice = 'TLS is not configured here: use http:// instead of https://, or connect without TLS';
    logger.warn(fields, `${connection.address} began a TLS handshake; ${advice}`);
    return;
  }
  const length = head.length < 4 ? '' : `, and a length of ${head.readUIntBE(1, 3)} bytes`;
  const meaning = `read as a frame, that is kind ${head[0]}, which no caller may send${length}`;
  const advice = 'send a frame (00, three bytes of length, the text), a line of text, or an HTTP request';
  logger.warn(
    fields,
    `${connection.address} sent ${fields.bytes}, which is no language of ours: ${meaning}; ${advice}`,
  );
}
