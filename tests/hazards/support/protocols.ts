/** The three protocols from the client's side, encoded and decoded by hand, so that no codec is tested against itself. */
import { frame } from '@knock/server/test/raw-client';

export type Protocol = 'frames' | 'text' | 'HTTP';

export const PROTOCOLS: readonly Protocol[] = ['frames', 'text', 'HTTP'];

/** A reply of the server, possibly truncated by the end of the stream; for HEAD only the response head. */
export interface Answer {
  kind: 'reply' | 'errorReply' | 'goaway' | 'head' | 'part';
  text: string;
}

/** Encodes a message; in text, one line. */
export function say(protocol: Protocol, message: string): Buffer {
  if (protocol === 'frames') return frame(message);
  if (protocol === 'text') return Buffer.from(`${message}\n`);
  const length = Buffer.byteLength(message);
  return Buffer.from(`POST / HTTP/1.1\r\nHost: knock\r\nContent-Length: ${length}\r\n\r\n${message}`);
}

/** The expected replies if each message is echoed, in order. */
export function replies(messages: readonly string[]): Answer[] {
  return messages.map((text) => ({ kind: 'reply', text }));
}

/** Decodes the server's bytes. HTTP needs the methods of the requests if any is HEAD. */
export function answers(protocol: Protocol, bytes: Buffer, methods: readonly string[] = []): Answer[] {
  const all: Answer[] = [];
  for (let at = 0; at < bytes.length;) {
    const { answer, length } = nextAnswer(protocol, bytes.subarray(at), methods[all.length]) ?? {
      answer: { kind: 'part', text: bytes.toString('latin1', at) },
      length: bytes.length - at,
    };
    all.push(answer);
    at += length;
  }
  return all;
}

interface Next {
  answer: Answer;
  /** In bytes. */
  length: number;
}

function nextAnswer(protocol: Protocol, bytes: Buffer, method: string | undefined): Next | undefined {
  if (protocol === 'frames') return nextFrame(bytes);
  return protocol === 'text' ? nextLine(bytes) : nextResponse(bytes, method);
}

function nextFrame(bytes: Buffer): Next | undefined {
  const length = bytes.length < 4 ? Infinity : 4 + bytes.readUIntBE(1, 3);
  if (bytes.length < length) return undefined;
  const kind = (['reply', 'errorReply', 'goaway'] as const)[bytes[0]!] ?? 'part';
  return { answer: { kind, text: bytes.toString('utf8', 4, length) }, length };
}

function nextLine(bytes: Buffer): Next | undefined {
  const end = bytes.indexOf('\n');
  if (end === -1) return undefined;
  const line = bytes.toString('utf8', 0, end);
  const [, errorReply] = /^error: (.*)$/.exec(line) ?? [];
  return {
    answer: errorReply === undefined ? { kind: 'reply', text: line } : { kind: 'errorReply', text: errorReply },
    length: end + 1,
  };
}

/** An error reply's text starts with the status; a head's text is the status and the announced length. */
function nextResponse(all: Buffer, method: string | undefined): Next | undefined {
  const interim = /^(?:HTTP\/1\.1 100 Continue\r\n\r\n)*/.exec(all.toString('latin1'))![0].length;
  const bytes = all.subarray(interim);
  const headEnd = bytes.indexOf('\r\n\r\n') + 4;
  if (headEnd < 4) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  const bodyLength = status === 204 ? 0 : Number(/^Content-Length: (\d+)\r$/im.exec(head)?.[1]);
  if (method === 'HEAD')
    return { answer: { kind: 'head', text: `${status} ${bodyLength}` }, length: interim + headEnd };
  const length = headEnd + bodyLength;
  // NaN without such a header: the rest cannot be split then.
  if (!(bytes.length >= length)) return undefined;
  const body = bytes.toString('utf8', headEnd, length);
  return {
    answer: status === 200 ? { kind: 'reply', text: body } : { kind: 'errorReply', text: `${status} ${body}` },
    length: interim + length,
  };
}
