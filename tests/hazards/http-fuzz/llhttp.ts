/** Node's own HTTP parser, llhttp, from a private module that is meant for Node's server and client only. */
import { createRequire } from 'node:module';

interface LlhttpParser {
  initialize(type: number, resource: object, maxHeaderBytes: number, lenientFlags: number): void;
  /** The number of bytes read, or the parse error. */
  execute(bytes: Buffer): number | LlhttpError;
  /** The stream has ended. */
  finish(): LlhttpError | undefined;
  close(): void;
  [event: number]: (...parameters: never) => unknown;
}

interface LlhttpError extends Error {
  code: string;
  reason: string;
}

interface LlhttpClass {
  new (): LlhttpParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

/** `method` and `url` of a request, `status` and `reason` of a response. */
type HeadParameters = [
  major: number,
  minor: number,
  fields: string[] | undefined,
  method: number,
  url: string | undefined,
  status: number,
  reason: string,
  upgrades: boolean,
  keepAlive: boolean,
];

/** One message, as the parser reports it. */
export interface LlhttpMessage {
  version: string;
  /** As the parser's number. */
  method: number;
  url: string;
  status: number;
  reason: string;
  /** Names and values alternate. */
  fields: string[];
  upgrades: boolean;
  keepAlive: boolean;
  body: Buffer[];
  headComplete: boolean;
  complete: boolean;
}

const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { HTTPParser: LlhttpClass };

/** Above our limits: the parser's own limit is not under test. */
const MAX_HEADER_BYTES = 1 << 24;
const STRICT = 0;
/** Tells the parser that a message has no body, whatever its head says: a response to HEAD. */
const NO_BODY = 1;

const emptyMessage = (): LlhttpMessage => ({
  version: '',
  method: -1,
  url: '',
  status: 0,
  reason: '',
  fields: [],
  upgrades: false,
  keepAlive: false,
  body: [],
  headComplete: false,
  complete: false,
});

export interface ParserOptions {
  type: 'REQUEST' | 'RESPONSE';
  /** The stream ends after these bytes, which ends a close-delimited message. */
  ended?: boolean;
  /** Called with the messages whose heads are complete; returns whether the last has no body. */
  isBodiless?: (messages: readonly LlhttpMessage[]) => boolean;
}

/** All messages whose heads are complete, and the parse error, if any. */
export function parseByLlhttp(
  bytes: Buffer,
  { type, ended = false, isBodiless = () => false }: ParserOptions,
): { messages: LlhttpMessage[]; error: string | undefined } {
  const messages: LlhttpMessage[] = [];
  const parser = new HTTPParser();
  parser.initialize(HTTPParser[type], {}, MAX_HEADER_BYTES, STRICT);
  listen(parser, messages, isBodiless);
  let result: number | LlhttpError | undefined = parser.execute(bytes);
  if (ended && !(result instanceof Error)) result = parser.finish();
  parser.close();
  return { messages, error: result instanceof Error ? `${result.code} ${result.reason}` : undefined };
}

function listen(
  parser: LlhttpParser,
  messages: LlhttpMessage[],
  isBodiless: ParserOptions['isBodiless'] & object,
): void {
  let message = emptyMessage();
  // Fields after the 32nd come in an earlier callback, and so do trailers, which are dropped.
  parser[HTTPParser.kOnHeaders] = (fields: string[], url: string) => {
    if (message.headComplete) return;
    message.fields.push(...fields);
    message.url += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    ...[major, minor, fields = [], method, url = '', ...rest]: HeadParameters
  ) => {
    const [status, reason, upgrades, keepAlive] = rest;
    message.fields.push(...fields);
    message.url += url;
    const version = `${major}.${minor}`;
    messages.push(Object.assign(message, { version, method, status, reason, upgrades, keepAlive, headComplete: true }));
    return isBodiless(messages) ? NO_BODY : 0;
  };
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    message.body.push(Buffer.from(piece));
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    message.complete = true;
    message = emptyMessage();
  };
}
