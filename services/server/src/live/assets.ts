/** The live page: routes for its files and its event stream. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

import type { HttpRequest } from '@knock/shared/codec/http/request';

import { EventStream } from '../http/event-stream.ts';
import { errorReply, type HttpReply, type Route } from '../http/routes.ts';
import type { LiveFeed } from './feed.ts';

const FOLDER = join(import.meta.dirname, 'page');
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Only the page's own files may load: no inline script or style, nothing from other hosts, no framing (W3C CSP Level 3). So
 * even if text of a client were taken for HTML, it could run nothing.
 */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  // Cached, but revalidated each time: a new server may have a new page.
  'Cache-Control': 'no-cache',
};

/** Serves a file of the page. */
type PageFile = (request: HttpRequest) => HttpReply;

export class LivePage {
  /** `index.html`, for `GET /` by a browser. */
  readonly index: PageFile;
  readonly routes: readonly Route[];

  /** Throws the system's error if the page's files are missing. */
  constructor(feed: LiveFeed) {
    this.index = readPageFile('index.html');
    const names = readdirSync(FOLDER).filter((name) => name !== 'index.html');
    const files = names.map((name): [string, PageFile] => [`/page/${name}`, readPageFile(name)]);
    const all: [string, PageFile][] = [...files, ['/events', (request) => events(feed, request)]];
    this.routes = all.map(([path, answer]) => ({ path, methods: ['GET'], kind: 'page', answer }));
  }
}

function readPageFile(name: string): PageFile {
  const body = readFileSync(join(FOLDER, name));
  const tag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  const headers = { ...HEADERS, 'Content-Type': TYPES[extname(name)]!, ETag: tag };
  return ({ fields }) =>
    isMatch(fields.get('if-none-match'), tag) ? { status: 304, headers } : { status: 200, headers, body };
}

/** RFC 9110 section 13.1.2: an asterisk, or a list of tags, compared weakly. */
function isMatch(condition: string | undefined, tag: string): boolean {
  if (condition === undefined) return false;
  return condition.trim() === '*' || condition.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}

function events(feed: LiveFeed, { method, version, query }: HttpRequest): HttpReply {
  if (feed.isFull) {
    return errorReply(503, 'all live-page slots are in use: close another tab', { 'Retry-After': '5' });
  }
  const head = { status: 200, headers: { 'Content-Type': 'text/event-stream' }, stream: true };
  if (method === 'HEAD') return head;
  const follows = new URLSearchParams(query).get('follow') ?? undefined;
  return {
    ...head,
    takeOver: (connection) => new EventStream(connection, version === '1.1', (sink) => feed.subscribe(sink, follows)),
  };
}
