/** A reference decoder for HTTP requests, by docs/protocol.md and RFC 9112, that sees all bytes at once. */
import { METHODS } from 'node:http';
import { isIP } from 'node:net';

/** The largest head; preceding empty lines, chunk extensions and trailers count as part of it. */
const MAX_HEAD_BYTES = 16_384;
const MAX_FIELDS = 100;
const MAX_LINE_BYTES = 8000;
const MAX_CHUNK_LINE_BYTES = 256;

const METHOD = METHODS.join('|');
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";

/** By lower-case name; values in order. */
type Fields = Map<string, string[]>;

interface Head {
  method: string;
  target: string;
  isOld: boolean;
  fields: Fields;
  /** In bytes; `chunked`: known at its end. */
  bodyLength: number | 'chunked';
  /** The rest of the limits, for chunk extensions and trailers. */
  left: { bytes: number; fields: number };
  /** The bytes after it. */
  rest: string;
}

/** The messages, in Latin-1, and the methods of requests with valid heads. */
export function requestsIn(text: string, maxBytes: number): { messages: string[]; methods: string[] } {
  const messages: string[] = [];
  const methods: string[] = [];
  for (let rest = text; ;) {
    const head = parseHead(rest);
    if (head === undefined) break;
    methods.push(head.method);
    // Requests that are not messages get their response at the head: neither body nor later bytes are read.
    const body = isMessage(head) || head.bodyLength === 0 ? parseBody(head, maxBytes) : undefined;
    if (body === undefined) break;
    if (isMessage(head)) messages.push(head.method === 'POST' ? body.bytes : '');
    if (isLast(head)) break;
    rest = body.rest;
  }
  return { messages, methods };
}

const REQUEST_LINE = new RegExp(`^(${METHOD}) ([!-~]+) HTTP/1\\.([01])$`);

/** Undefined: incomplete or invalid, and no request follows. */
function parseHead(text: string): Head | undefined {
  const [all, headText] = /^(?:\r\n)*([^\r\n].*?)\r\n\r\n/s.exec(text) ?? [];
  const [line, ...lines] = headText?.split('\r\n') ?? [];
  const [, method, target, minor] = REQUEST_LINE.exec(line ?? '') ?? [];
  const left = { bytes: MAX_HEAD_BYTES - (all?.length ?? 0), fields: MAX_FIELDS - lines.length };
  if (minor === undefined || method === 'CONNECT' || line!.length > MAX_LINE_BYTES) return undefined;
  const fields = left.bytes >= 0 && left.fields >= 0 ? parseFields(lines) : undefined;
  const bodyLength = fields && parseBodyLength(fields, minor === '0');
  if (fields === undefined || bodyLength === undefined || !areSingle(fields) || !isMet(fields)) return undefined;
  const head = { method: method!, target: target!, isOld: minor === '0', fields, bodyLength, left };
  return isValidTarget(head) ? { ...head, rest: text.slice(all!.length) } : undefined;
}

function parseFields(lines: string[]): Fields | undefined {
  const fields: Fields = new Map();
  for (const line of lines) {
    const [, name, value] = new RegExp(`^(${TOKEN}):[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*)$`).exec(line) ?? [];
    if (name === undefined) return undefined;
    const key = name.toLowerCase();
    // White space after a coding is rejected: some parsers do not see chunked then.
    const trimmed = key === 'transfer-encoding' ? value! : value!.replace(/[ \t]+$/, '');
    fields.set(key, [...(fields.get(key) ?? []), trimmed]);
  }
  return fields;
}

const areSingle = (fields: Fields) =>
  ['host', 'authorization', 'content-type', 'content-encoding', 'expect'].every(
    (name) => (fields.get(name) ?? []).length <= 1,
  );

/** Whether Expect and Content-Encoding hold only supported values. */
const isMet = (fields: Fields) =>
  (fields.get('expect') ?? []).every((expectation) => /^100-continue$/i.test(expectation)) &&
  (fields.get('content-encoding') ?? []).every((coding) => /^identity$/i.test(coding));

/** Undefined: the end of the body is ambiguous. */
function parseBodyLength(fields: Fields, isOld: boolean): Head['bodyLength'] | undefined {
  const lengths = fields.get('content-length') ?? [];
  const codings = fields.get('transfer-encoding') ?? [];
  if (lengths.length + codings.length > 1) return undefined;
  if (codings.length === 1) return !isOld && /^chunked$/i.test(codings[0]!) ? 'chunked' : undefined;
  return /^(?:0|[1-9]\d*)$/.test(lengths[0] ?? '0') ? Number(lengths[0] ?? '0') : undefined;
}

const ABSOLUTE = /^https?:\/\/([^/?]+)/i;

/** Whether target and Host are valid and consistent. */
function isValidTarget({
  method,
  target,
  isOld,
  fields,
}: Pick<Head, 'method' | 'target' | 'isOld' | 'fields'>): boolean {
  const [, authority] = ABSOLUTE.exec(target) ?? [];
  const host = fields.get('host')?.[0];
  const hasForm = target.startsWith('/') || authority !== undefined || (target === '*' && method === 'OPTIONS');
  if (!hasForm || /[#\\]|%[01][0-9a-f]|%7f/i.test(target)) return false;
  if (host === undefined && !isOld) return false;
  if (host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase()) return false;
  return [host, authority].every((name) => name === undefined || isHost(name));
}

/** A DNS name or an address, with or without a port. */
function isHost(text: string): boolean {
  const [, ip, name] = /^(?:\[([^%]+)\]|([\w.-]+))(?::\d*)?$/.exec(text) ?? [];
  return ip === undefined ? name !== undefined : isIP(ip) === 6;
}

interface Body {
  bytes: string;
  /** The bytes after it. */
  rest: string;
}

/** Undefined: incomplete, invalid or too large. */
function parseBody({ bodyLength, left, rest }: Head, maxBytes: number): Body | undefined {
  if (bodyLength === 'chunked') return parseChunks(rest, left, maxBytes);
  if (bodyLength > Math.min(maxBytes, rest.length)) return undefined;
  return { bytes: rest.slice(0, bodyLength), rest: rest.slice(bodyLength) };
}

const QUOTED = String.raw`"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"`;
const CHUNK_LINE = new RegExp(String.raw`^([0-9A-Fa-f]+)((?:;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?)*)\r\n`);

function parseChunks(text: string, left: Head['left'], maxBytes: number): Body | undefined {
  let bytes = '';
  let extensions = 0;
  for (let rest = text; ;) {
    const [line, digits, extension] = CHUNK_LINE.exec(rest) ?? [];
    extensions += extension?.length ?? 0;
    if (line === undefined || line.length - 2 > MAX_CHUNK_LINE_BYTES || extensions > left.bytes) return undefined;
    const size = Number.parseInt(digits!, 16);
    const data = rest.slice(line.length);
    if (size === 0) return parseTrailers(bytes, data, { ...left, bytes: left.bytes - extensions });
    if (bytes.length + size > maxBytes || data.slice(size, size + 2) !== '\r\n') return undefined;
    bytes += data.slice(0, size);
    rest = data.slice(size + 2);
  }
}

const FORBIDDEN_TRAILERS =
  /^(?:host|connection|proxy-connection|authorization|content-type|expect|content-length|transfer-encoding)$/;

function parseTrailers(bytes: string, text: string, left: Head['left']): Body | undefined {
  const [all, trailers] = /^((?:[^\r\n]+\r\n)*)\r\n/.exec(text) ?? [];
  const lines = trailers?.split('\r\n').slice(0, -1) ?? [];
  const fields = all !== undefined && all.length <= left.bytes && lines.length <= left.fields && parseFields(lines);
  if (!fields || Array.from(fields.keys()).some((name) => FORBIDDEN_TRAILERS.test(name))) return undefined;
  return { bytes, rest: text.slice(all.length) };
}

/** Whether the request is for the handler. Others get their response at the head. */
function isMessage({ method, target, fields }: Head): boolean {
  const path = target.replace(ABSOLUTE, '').replace(/\?.*$/, '');
  const host = fields.get('host')?.[0] ?? ABSOLUTE.exec(target)?.[1];
  return /^(?:GET|HEAD|POST)$/.test(method) && (path === '/' || path === '') && (host === undefined || isOurs(host));
}

/** A name without a dot, an address, or a name under localhost; a trailing dot is ignored. */
function isOurs(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/\.$/, '');
  return !name.includes('.') || isIP(name) > 0 || name.startsWith('[') || /\.localhost$/i.test(name);
}

/** RFC 9112 section 9.3; nothing after an upgrade request is parsed as a request. */
function isLast({ isOld, fields }: Head): boolean {
  const values = [...(fields.get('connection') ?? []), ...(fields.get('proxy-connection') ?? [])];
  const options = values.flatMap((value) => value.toLowerCase().split(',')).map((option) => option.trim());
  if (options.includes('close') || (fields.has('upgrade') && options.includes('upgrade'))) return true;
  return isOld && !options.includes('keep-alive');
}
