/** The live page: its files, and the stream of what there is to see. */
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { extname, join } from 'node:path';

import type { Watch } from './watch.ts';
import type { Answer } from './web-conversation.ts';

const FOLDER = join(import.meta.dirname, 'page');
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Nothing but the page's own files: no script or style inside the page, nothing from elsewhere, and nobody puts it into a
 * frame. So text that a caller sends can do nothing even where it was taken for more than text (W3C CSP Level 3).
 */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
};

export class Page {
  readonly #watch: Watch;
  #files: ReadonlyMap<string, Answer> | undefined;

  constructor(watch: Watch) {
    this.#watch = watch;
  }

  /** Undefined: the request is not for the page. */
  answer({ method, headers }: IncomingMessage, { pathname, searchParams }: URL): Answer | undefined {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (pathname === '/events') return method === 'GET' ? this.#events(searchParams.get('follow')) : undefined;
    // Everybody but a browser means the handler.
    if (pathname === '/' && !headers.accept?.includes('text/html')) return undefined;
    this.#files ??= readFiles();
    return this.#files.get(pathname);
  }

  #events(follow: string | null): Answer {
    if (this.#watch.isFull) {
      const sentence = 'busy: as many look on as this server bears: try again later\n';
      return { status: 503, body: Buffer.from(sentence), headers: { 'Retry-After': '5' } };
    }
    return {
      status: 200,
      body: Buffer.alloc(0),
      headers: { 'Content-Type': 'text/event-stream' },
      stream: (outlet) => this.#watch.join(outlet, follow ?? undefined),
    };
  }
}

/** Read when one of them is first asked for, and kept. */
function readFiles(): Map<string, Answer> {
  const files = readdirSync(FOLDER).map((name): [string, Answer] => {
    const path = name === 'index.html' ? '/' : `/page/${name}`;
    const headers = { ...HEADERS, 'Content-Type': TYPES[extname(name)]! };
    return [path, { status: 200, body: readFileSync(join(FOLDER, name)), headers }];
  });
  return new Map(files);
}
