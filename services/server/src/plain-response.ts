/** An HTTP response written by hand, for callers to whom Node's own server has no response to write. */
import { STATUS_CODES } from 'node:http';

import type { CloseReason } from './close-reason.ts';
import type { Connection } from './connection.ts';

/** What is wrong with what came, and what to say about it. */
export interface Fault {
  reason: CloseReason;
  status: number;
  sentence: string;
}

/** Ends a connection with such a response, and counts it. */
export function refusePlainly(connection: Connection, { reason, status, sentence }: Fault): void {
  connection.countRefusal(String(status), sentence);
  connection.finish(reason, plainResponse(status, sentence));
}

/** RFC 9112 section 2.1: status line, headers, an empty line, the body; the connection ends after it (section 9.6). */
function plainResponse(status: number, sentence: string): string {
  const body = `${sentence}\n`;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(status === 503 ? ['Retry-After: 1'] : []),
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
