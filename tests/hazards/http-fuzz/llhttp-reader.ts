/** Reads a stream with the parser of Node's own HTTP server, llhttp. Nothing else than a private module gives access to it. */
import { METHODS } from 'node:http';
import { createRequire } from 'node:module';

import type { Reading, ReadRequest } from './reading.ts';

interface Parser {
  initialize(type: number, resource: object, maxHeaderBytes: number, lenientFlags: number): void;
  /** How many bytes were read, or why no more can be. */
  execute(bytes: Buffer): number | (Error & { code: string; reason: string });
  close(): void;
  [event: number]: (...parameters: never) => unknown;
}

interface ParserClass {
  new (): Parser;
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { HTTPParser: ParserClass };

/** Above the limit of the codec: its own is not what is compared. */
const MAX_HEADER_BYTES = 1 << 24;
const STRICT = 0;

export interface LlhttpRequest extends ReadRequest {
  /** Where its body ends is not known: the bytes behind its head may be of another protocol. */
  upgrades: boolean;
}

export interface LlhttpReading extends Reading {
  requests: LlhttpRequest[];
}

/** What the parser tells of one message, in its order. */
interface Message {
  method: number;
  url: string;
  version: string;
  fields: string[];
  keepAlive: boolean;
  upgrades: boolean;
  body: Buffer[];
  headComplete: boolean;
  complete: boolean;
}

const emptyMessage = (): Message => ({
  method: -1,
  url: '',
  version: '',
  fields: [],
  keepAlive: false,
  upgrades: false,
  body: [],
  headComplete: false,
  complete: false,
});

function parse(bytes: Buffer): { messages: Message[]; refusal: string | undefined } {
  const messages: Message[] = [];
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, MAX_HEADER_BYTES, STRICT);
  collect(parser, messages);
  const result = parser.execute(bytes);
  parser.close();
  return { messages, refusal: result instanceof Error ? `${result.code} ${result.reason}` : undefined };
}

/** Each message is added to `messages` once its head is complete. */
function collect(parser: Parser, messages: Message[]): void {
  let message = emptyMessage();
  // Fields beyond the 32nd come in advance, and so do trailers, which the codec drops.
  parser[HTTPParser.kOnHeaders] = (fields: string[], url: string) => {
    if (message.headComplete) return;
    message.fields.push(...fields);
    message.url += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    ...[major, minor, fields = [], method, url = '', , , upgrades, keepAlive]: HeadParameters
  ) => {
    message.fields.push(...fields);
    message.url += url;
    Object.assign(message, { version: `${major}.${minor}`, method, upgrades, keepAlive, headComplete: true });
    messages.push(message);
  };
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    message.body.push(Buffer.from(piece));
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    message.complete = true;
    message = emptyMessage();
  };
}

type HeadParameters = [
  major: number,
  minor: number,
  fields: string[] | undefined,
  method: number,
  url: string | undefined,
  statusCode: number,
  statusMessage: string,
  upgrades: boolean,
  keepAlive: boolean,
];

/** The parser gives methods by numbers of its own, which one request of each method tells. */
const METHOD_OF_NUMBER = new Map(
  METHODS.map((method) => {
    const target = method === 'CONNECT' ? 'h:1' : '/';
    const { messages } = parse(Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: h\r\n\r\n`));
    return [messages[0]!.method, method];
  }),
);

export function readByLlhttp(bytes: Buffer): LlhttpReading {
  const { messages, refusal } = parse(bytes);
  const requests = messages.map(({ method, url, version, fields, keepAlive, upgrades, body, complete }) => ({
    method: METHOD_OF_NUMBER.get(method)!,
    target: url,
    version,
    fields: fields.map((text, place) => (place % 2 === 0 ? text.toLowerCase() : text)),
    keepAlive: keepAlive && !upgrades,
    upgrades,
    body: complete ? Buffer.concat(body).toString('latin1') : undefined,
  }));
  return { requests, refusal };
}
