/** The three protocols as a client speaks them: put together and taken apart by hand, so that no codec is tested against itself. */
import { frame } from '@knock/server/test/raw-client';

export type Protocol = 'frames' | 'text' | 'HTTP';

export const PROTOCOLS: readonly Protocol[] = ['frames', 'text', 'HTTP'];

/** What the server said: a whole answer, or what came of one before the stream ended; of a response to HEAD there is no more than its head. */
export interface Answer {
  kind: 'reply' | 'errorReply' | 'goaway' | 'head' | 'part';
  text: string;
}

/** The bytes of a message that is complete. In text it has to be one line. */
export function say(protocol: Protocol, message: string): Buffer {
  if (protocol === 'frames') return frame(message);
  if (protocol === 'text') return Buffer.from(`${message}\n`);
  const length = Buffer.byteLength(message);
  return Buffer.from(`POST / HTTP/1.1\r\nHost: knock\r\nContent-Length: ${length}\r\n\r\n${message}`);
}

/** What a client has to get for these messages if each is answered by itself, in their order. */
export function replies(messages: readonly string[]): Answer[] {
  return messages.map((text) => ({ kind: 'reply', text }));
}

/** All that the server has said in these bytes. In HTTP the methods are those of the requests, if any of them is HEAD. */
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

/** The text of an error reply has the status in front of it; that of a head is the status and the length that the body would have. */
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
  // Not a number where there is no such header: then nothing more can be told apart.
  if (!(bytes.length >= length)) return undefined;
  const body = bytes.toString('utf8', headEnd, length);
  return {
    answer: status === 200 ? { kind: 'reply', text: body } : { kind: 'errorReply', text: `${status} ${body}` },
    length: interim + length,
  };
}
