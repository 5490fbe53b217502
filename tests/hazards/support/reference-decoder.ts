/**
 * A reference decoder for the messages in a client's bytes, by docs/protocol.md and RFC 9112. It sees all bytes at once, without
 * state, splits or timeouts, and shares no code with the detection and the codecs.
 */
import { isUtf8 } from 'node:buffer';
import { METHODS } from 'node:http';

import type { Protocol } from './protocols.ts';
import { requestsIn } from './reference-requests.ts';

export interface Held {
  /** Undefined: none. */
  protocol: Protocol | undefined;
  /** Exactly the messages that the handler must get, in order. */
  messages: string[];
  /** Methods of requests with valid heads, in order: a response to HEAD has no body. */
  methods: string[];
}

export interface Circumstances {
  /** Whether the client half-closed after the bytes, or stayed silent. */
  closed: boolean;
  maxBytes: number;
}

/** The longest first line, with preceding empty lines, without its line end. */
const MAX_LINE_BYTES = 8000;

const METHOD = `(?:${METHODS.join('|')})`;

export function messagesIn(bytes: Buffer, circumstances: Circumstances): Held {
  const text = bytes.toString('latin1');
  const protocol = protocolOf(text, circumstances);
  const { messages, methods } = decode(protocol, text, circumstances);
  // Invalid UTF-8 gets an error reply, and the session goes on.
  const valid = messages.map((message) => Buffer.from(message, 'latin1')).filter((message) => isUtf8(message));
  return { protocol, messages: valid.map((message) => message.toString()), methods };
}

/** In Latin-1, like all input here. */
function decode(protocol: Protocol | undefined, text: string, circumstances: Circumstances): Omit<Held, 'protocol'> {
  if (protocol === 'HTTP') return requestsIn(text, circumstances.maxBytes);
  if (protocol === undefined) return { messages: [], methods: [] };
  return { messages: (protocol === 'text' ? inLines : inFrames)(text, circumstances), methods: [] };
}

/** White space of lenient HTTP parsers (RFC 9112 section 3). */
const SPACE = String.raw`[ \t\v\f\r]`;
const WITH_VERSION = new RegExp(String.raw`${SPACE}HTTP/\d\.\d$`, 'i');
const WITH_TARGET = new RegExp(String.raw`^${SPACE}*[^ \t\v\f\r]+${SPACE}+(?:[/*]|https?:).*${SPACE}HTTP/\d`, 'is');
const BEGINS_LIKE_REQUEST = new RegExp(`^${SPACE}*${METHOD}${SPACE}+(?:[/*]|https?:)`, 'i');
const METHOD_AND_MORE = new RegExp(String.raw`^${METHOD} ([^ \t\v\f\r]*)( .*)?$`, 's');

const isNearlyRequestLine = (line: string) => WITH_VERSION.test(line) || WITH_TARGET.test(line);

/** A known method, a space, nothing or the start of a target, and at most part of the version. */
function isRequestInProgress(line: string): boolean {
  const [, target, version] = METHOD_AND_MORE.exec(line) ?? [];
  if (target === undefined) return false;
  if (!/^(?:[/*]|https?:)/i.test(target)) return version === undefined && /^(?:|h|ht|htt|https?)$/i.test(target);
  return version === undefined || ' HTTP/1.'.startsWith(version) || /^ HTTP\/1\.\d\r?$/.test(version);
}

function protocolOf(text: string, { closed }: Circumstances): Protocol | undefined {
  if (text.startsWith('\0')) return 'frames';
  if (text === '' || isOtherControl(text.charCodeAt(0))) return undefined;
  const [, empty, line, lineFeed] = /^((?:\r?\n)*)([^\n]*)(\n?)/.exec(text)!;
  const window = line!.slice(0, Math.max(0, MAX_LINE_BYTES - empty!.length));
  // A CR ends the line, unless its LF may still follow.
  const ends = Array.from(line!.matchAll(/\r/g), ({ index }) => index).filter((at) => at <= window.length);
  if (!closed && lineFeed === '' && ends.at(-1) === line!.length - 1) ends.pop();
  if (ends.some((end) => isNearlyRequestLine(line!.slice(0, end)))) return 'HTTP';
  if (line!.replace(/\r$/, '').length > window.length) return BEGINS_LIKE_REQUEST.test(window) ? 'HTTP' : 'text';
  const isRequest = closed || lineFeed !== '' ? isNearlyRequestLine(line!) : isRequestInProgress(line!);
  return isRequest ? 'HTTP' : 'text';
}

const isOtherControl = (byte: number) =>
  byte === 0x7f || (byte < 0x20 && !'\t\n\r'.includes(String.fromCharCode(byte)));

function inFrames(text: string, { maxBytes }: Circumstances): string[] {
  const bytes = Buffer.from(text, 'latin1');
  const messages: string[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const header = bytes.readUInt32BE(at);
    // A kind other than 0 makes it larger than any length.
    if (header > maxBytes || at + 4 + header > bytes.length) break;
    messages.push(text.slice(at + 4, at + 4 + header));
    at += 4 + header;
  }
  return messages;
}

function inLines(text: string, { closed, maxBytes }: Circumstances): string[] {
  const lines = text.split('\n');
  const rest = lines.pop()!;
  const messages = lines.map((line) => line.replace(/\r$/, ''));
  // A pause ends a message if the client has never sent LF.
  if (rest !== '' && (closed || lines.length === 0)) messages.push(rest);
  const tooLarge = messages.findIndex((message) => message.length > maxBytes);
  return messages.slice(0, tooLarge < 0 ? messages.length : tooLarge);
}
