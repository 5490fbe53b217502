/** Node's own HTTP parser, llhttp. Node's server and client are the only users that it is meant for, hence a private module. */
import { createRequire } from 'node:module';

interface LlhttpParser {
  initialize(type: number, resource: object, maxHeaderBytes: number, lenientFlags: number): void;
  /** How many bytes were read, or why no more can be. */
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

/** What the parser tells of one message. */
export interface LlhttpMessage {
  version: string;
  /** In numbers of the parser. */
  method: number;
  url: string;
  status: number;
  reason: string;
  /** Names and values, alternately. */
  fields: string[];
  upgrades: boolean;
  keepAlive: boolean;
  body: Buffer[];
  headComplete: boolean;
  complete: boolean;
}

const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { HTTPParser: LlhttpClass };

/** Above every limit of ours: the parser's own is not what is looked at. */
const MAX_HEADER_BYTES = 1 << 24;
const STRICT = 0;
/** The answer to a head whose message has no body, whatever it says of one: a response to HEAD. */
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
  /** The stream ends behind the bytes, which ends a message that nothing else ends. */
  ended?: boolean;
  /** Called with the messages whose heads are complete: whether the last of them has no body. */
  isBodiless?: (messages: readonly LlhttpMessage[]) => boolean;
}

/** All messages whose heads are complete, and what ended the parsing: an error of the parser, if any. */
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
  // Fields beyond the 32nd come in advance, and so do trailers, which are dropped.
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
