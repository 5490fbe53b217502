/** Parses a stream of requests as Node's own server does. */
import { METHODS } from 'node:http';

import { parseByLlhttp } from './llhttp.ts';
import type { Reading, ReadRequest } from './reading.ts';

export interface LlhttpRequest extends ReadRequest {
  /** The end of its body is unknown: the bytes after its head may be another protocol. */
  upgrades: boolean;
}

export interface LlhttpReading extends Reading {
  requests: LlhttpRequest[];
}

/** The parser's numbers for methods, found with one request of each method. */
const METHOD_OF_NUMBER = new Map(
  METHODS.map((method) => {
    const target = method === 'CONNECT' ? 'h:1' : '/';
    const request = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
    return [parseByLlhttp(request, { type: 'REQUEST' }).messages[0]!.method, method];
  }),
);

export function readByLlhttp(bytes: Buffer): LlhttpReading {
  const { messages, error } = parseByLlhttp(bytes, { type: 'REQUEST' });
  const requests = messages.map(({ method, url, version, fields, keepAlive, upgrades, body, complete }) => ({
    method: METHOD_OF_NUMBER.get(method)!,
    target: url,
    version,
    fields: fields.map((text, place) => (place % 2 === 0 ? text.toLowerCase() : text)),
    keepAlive: keepAlive && !upgrades,
    upgrades,
    body: complete ? Buffer.concat(body).toString('latin1') : undefined,
  }));
  return { requests, rejection: error };
}
