/** HTTP/1.1: what each status means for a message (docs/protocol.md has the table). */
import { STATUS_CODES } from 'node:http';
import { isIPv6 } from 'node:net';

import { CodecError } from '@knock/shared/codec/codec';
import { MAX_PAYLOAD_BYTES } from '@knock/shared/codec/frames';
import { HttpClientCodec, type ReceivedResponse } from '@knock/shared/codec/http/client-codec';
import { decodeUtf8 } from '@knock/shared/codec/utf8';
import { excerpt } from '@knock/shared/log/excerpt';

import type { Outcome } from '../delivery/outcome.ts';
import type { ClientSettings } from '../settings.ts';
import type { ClientProtocol, ConnectionEnd, Meaning } from './protocol.ts';

/** Request Timeout and Too Many Requests: the server did not handle it (RFC 9110 section 15.5.9, RFC 6585 section 4). */
const NOT_HANDLED = [408, 429];
/** Server errors that a retry cannot change. */
const NOT_IMPLEMENTED = [501, 505];
/** A proxy lost its server: treated like a lost connection. */
const BROKEN_BEHIND_PROXY = [502, 504];

const CLOSED: ConnectionEnd = {
  why: 'the server closed this connection before handling the message: safe to resend',
  next: 'at once',
};

/** `window`: how many messages may be unanswered at once. More than one is pipelining, which not every server supports. */
export function httpProtocol(settings: ClientSettings, window: number): ClientProtocol<ReceivedResponse> {
  return { codec: new HttpClientCodec({ host: hostOf(settings), maxBodyBytes: MAX_PAYLOAD_BYTES }), window, meaningOf };
}

type HostSettings = Pick<ClientSettings, 'SERVER_HOST' | 'SERVER_PORT' | 'TLS_CA_FILE'>;

/** The value of `Host` (RFC 9110 section 7.2), without a default port. */
export function hostOf({ SERVER_HOST, SERVER_PORT, TLS_CA_FILE }: HostSettings): string {
  const name = isIPv6(SERVER_HOST) ? `[${SERVER_HOST}]` : SERVER_HOST;
  return SERVER_PORT === (TLS_CA_FILE ? 443 : 80) ? name : `${name}:${SERVER_PORT}`;
}

function meaningOf(response: ReceivedResponse): Meaning {
  const { status, keepAlive } = response;
  if (NOT_HANDLED.includes(status) || (status === 503 && !keepAlive)) {
    return { ending: { why: `HTTP ${status}: ${excerpt(reasonOf(response))}`, next: 'later' } };
  }
  const final = !BROKEN_BEHIND_PROXY.includes(status);
  return { outcome: outcomeOf(response), final, ...(keepAlive ? {} : { ending: CLOSED }) };
}

function outcomeOf(response: ReceivedResponse): Outcome {
  const { status } = response;
  if (status < 300) return replyOf(response);
  const detail = reasonOf(response);
  if (status < 500 || NOT_IMPLEMENTED.includes(status)) return { kind: 'rejected', code: String(status), detail };
  return { kind: 'unknown', why: `HTTP ${status}: ${excerpt(detail)}` };
}

function replyOf({ fields, body }: ReceivedResponse): Outcome {
  const coding = fields.get('content-encoding')?.toLowerCase() ?? 'identity';
  if (coding !== 'identity') return unreadable('in an unsupported Content-Encoding');
  try {
    return { kind: 'replied', reply: decodeUtf8(body, 0, body.length) };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return unreadable('the reply is not valid UTF-8');
  }
}

const unreadable = (how: string): Outcome => ({ kind: 'unknown', why: `the server replied, but ${how}` });

/** The server's reason: the first line of a plain-text body, else the name of the status. */
function reasonOf({ status, fields, body }: ReceivedResponse): string {
  const isText = fields.get('content-type')?.toLowerCase().startsWith('text/plain') === true;
  const [line = ''] = isText ? body.toString('utf8').split(/\r?\n/, 1) : [];
  return line === '' ? (STATUS_CODES[status] ?? 'no reason given') : line;
}
