/**
 * Which messages a caller's bytes hold, by docs/protocol.md and RFC 9112: decided by one who has all of them at once,
 * without state, cuts or clocks. It shares nothing with the decoders that it is compared with.
 */
import { isUtf8 } from 'node:buffer';
import { METHODS } from 'node:http';
import { isIP } from 'node:net';

import type { Language } from './languages.ts';

export interface Held {
  /** Undefined: none, or it cannot be told yet. */
  language: Language | undefined;
  /** What a handler has to hear, in this order, and nothing else. */
  messages: string[];
}

export interface Circumstances {
  /** Whether the caller closed its side behind the bytes, or stayed and said nothing more. */
  closed: boolean;
  maxBytes: number;
}

/** The largest head of an HTTP request. */
const MAX_HEAD_BYTES = 8192;

const METHOD = `(?:${METHODS.join('|')})`;
const TARGET = String.raw`(?:[/*]|http)[^ \r\n]*`;
const REQUEST_LINE = new RegExp(String.raw`^(${METHOD}) (${TARGET}) HTTP/1\.(\d)\r?\n`);
/** What becomes a request line by no more than further bytes, and has a method, a space and a target's first byte. */
const UNFINISHED_LINE = new RegExp(
  String.raw`^${METHOD} (?:${TARGET}(?: (?:H|HT|HTT|HTTP|HTTP/|HTTP/1|HTTP/1\.|HTTP/1\.\d\r?)?)?|h|ht|htt)$`,
);
const NOTHING: Held = { language: undefined, messages: [] };

export function messagesIn(bytes: Buffer, circumstances: Circumstances): Held {
  const text = bytes.toString('latin1');
  if (isNoLanguage(bytes[0])) return NOTHING;
  if (bytes[0] === 0) return { language: 'frames', messages: inFrames(bytes, circumstances) };
  const beginning = text.slice(0, MAX_HEAD_BYTES);
  if (REQUEST_LINE.test(beginning)) return { language: 'HTTP', messages: inRequests(text, circumstances) };
  if (UNFINISHED_LINE.test(beginning) && (!circumstances.closed || text.length >= MAX_HEAD_BYTES)) return NOTHING;
  return { language: 'text', messages: inLines(text, circumstances) };
}

/** Undefined: there is no first byte. */
function isNoLanguage(first: number | undefined): boolean {
  if (first === undefined || first === 0x7f) return true;
  return first > 0 && first < 0x20 && !'\t\n\r'.includes(String.fromCharCode(first));
}

function inFrames(bytes: Buffer, { maxBytes }: Circumstances): string[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const header = bytes.readUInt32BE(at);
    // A kind other than 0 makes it larger than any length.
    if (header > maxBytes || at + 4 + header > bytes.length) break;
    messages.push(bytes.subarray(at + 4, at + 4 + header));
    at += 4 + header;
  }
  return texts(messages);
}

function inLines(text: string, { closed, maxBytes }: Circumstances): string[] {
  const lines = text.split('\n');
  const rest = lines.pop()!;
  const messages = lines.map((line) => line.replace(/\r$/, ''));
  // A pause ends a message of a caller that has never sent a line feed.
  if (rest !== '' && (closed || lines.length === 0)) messages.push(rest);
  const tooLarge = messages.findIndex((message) => message.length > maxBytes);
  return texts(messages.slice(0, tooLarge < 0 ? messages.length : tooLarge).map((line) => Buffer.from(line, 'latin1')));
}

/** Those that are UTF-8; others are refused, and the conversation goes on. */
function texts(messages: Buffer[]): string[] {
  return messages.filter((message) => isUtf8(message)).map((message) => message.toString());
}

interface Head {
  method: string;
  target: string;
  minor: string;
  /** By names in lower case; all values of one name in their order. */
  fields: Map<string, string[]>;
}

interface Body {
  bytes: string;
  /** What stands behind it. */
  rest: string;
}

function inRequests(text: string, { maxBytes }: Circumstances): string[] {
  const bodies: Buffer[] = [];
  for (let rest = text; ;) {
    const [, headText, behind] = /^[\r\n]*([^]*?\r\n)\r\n([^]*)$/.exec(rest) ?? [];
    const head = headText === undefined ? undefined : parseHead(headText);
    const body = head && parseBody(head, behind!);
    if (head === undefined || body === undefined || body.bytes.length > maxBytes) break;
    if (isMessage(head)) bodies.push(Buffer.from(body.bytes, 'latin1'));
    if (isLast(head)) break;
    rest = body.rest;
  }
  return texts(bodies);
}

/** Undefined: it is no request, and nothing behind it is one. */
function parseHead(text: string): Head | undefined {
  const [line, ...lines] = text.split('\r\n').slice(0, -1);
  const [, method, target, minor] = REQUEST_LINE.exec(`${line}\r\n`) ?? [];
  const valid = minor !== undefined && minor <= '1' && /^[!-~]+$/.test(target!) && text.length < MAX_HEAD_BYTES;
  const fields = valid ? parseFields(lines) : undefined;
  return fields && { method: method!, target: target!, minor: minor!, fields };
}

function parseFields(lines: string[]): Map<string, string[]> | undefined {
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9a-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/i.exec(line) ?? [];
    if (name === undefined) return undefined;
    const key = name.toLowerCase();
    fields.set(key, [...(fields.get(key) ?? []), value!.replace(/[ \t]+$/, '')]);
  }
  return fields;
}

/** Undefined: it is not whole, or nobody can say where it ends. */
function parseBody({ fields, minor }: Head, text: string): Body | undefined {
  const lengths = fields.get('content-length') ?? [];
  const codings = fields.get('transfer-encoding') ?? [];
  if (lengths.length + codings.length > 1) return undefined;
  if (codings.length === 1) return minor === '1' && /^chunked$/i.test(codings[0]!) ? parseChunks(text) : undefined;
  const [length = '0'] = lengths;
  if (!/^\d+$/.test(length) || Number(length) > text.length) return undefined;
  return { bytes: text.slice(0, Number(length)), rest: text.slice(Number(length)) };
}

const TOKEN = "[!#$%&'*+.^_`|~0-9a-z-]+";
const EXTENSION = String.raw`(?:;${TOKEN}(?:=(?:${TOKEN}|"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)`;
const CHUNK_LINE = new RegExp(String.raw`^([0-9a-f]+)${EXTENSION}*\r\n`, 'i');

function parseChunks(text: string): Body | undefined {
  let bytes = '';
  for (let rest = text; ;) {
    const [line, digits] = CHUNK_LINE.exec(rest) ?? [];
    if (line === undefined) return undefined;
    const size = Number.parseInt(digits!, 16);
    const data = rest.slice(line.length);
    if (size === 0) return parseTrailers(bytes, data);
    if (data.slice(size, size + 2) !== '\r\n') return undefined;
    bytes += data.slice(0, size);
    rest = data.slice(size + 2);
  }
}

function parseTrailers(bytes: string, text: string): Body | undefined {
  const [all, trailers] = /^((?:[^\r\n]+\r\n)*)\r\n/.exec(text) ?? [];
  const fields = all === undefined ? undefined : parseFields(trailers!.split('\r\n').slice(0, -1));
  if (fields === undefined || fields.has('content-length') || fields.has('transfer-encoding')) return undefined;
  return { bytes, rest: text.slice(all!.length) };
}

/** Whether the handler is asked. Whatever else was asked for is answered, and what follows is read. */
function isMessage({ method, target, minor, fields }: Head): boolean {
  const url = URL.parse(/^https?:/i.test(target) ? target : `http://localhost${target.replace(/^(?!\/)/, '/')}`);
  const hosts = fields.get('host') ?? [];
  const expectations = fields.get('expect') ?? [];
  return (
    /^(?:GET|HEAD|POST)$/.test(method) &&
    url?.pathname === '/' &&
    hosts.length <= 1 &&
    (hosts.length === 1 || minor === '0') &&
    [...hosts, url.host].every((host) => isOurs(host)) &&
    expectations.every((expectation) => /^(?:100-continue)?$/i.test(expectation))
  );
}

function isOurs(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  if (isIP(name) > 0) return true;
  // What is no registered name (RFC 3986 section 3.2.2), such as `Upgrade: x`, is nobody's.
  return /^[\w.~%!$&'()*+,;=-]+$/.test(name) && (!name.includes('.') || /\.localhost$/i.test(name));
}

/** RFC 9112 section 9.3; and behind a request to change the protocol nothing is read as a request. */
function isLast({ method, minor, fields }: Head): boolean {
  const options = (fields.get('connection') ?? []).flatMap((value) =>
    value
      .toLowerCase()
      .split(',')
      .map((o) => o.trim()),
  );
  if (method === 'CONNECT' || fields.has('upgrade') || options.includes('close')) return true;
  return minor === '0' && !options.includes('keep-alive');
}
