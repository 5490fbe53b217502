/** The routes: a table of paths, from which HEAD, OPTIONS, 404 and 405 follow for every path alike. */
import type { HttpRequest } from '@knock/shared/codec/http/request';
import type { HttpResponse } from '@knock/shared/codec/http/response';
import { excerpt } from '@knock/shared/log/excerpt';

import type { Connection } from '../net/connection.ts';
import type { OwnReply } from '../protocols/protocol.ts';

/** A response, and what the session has to know of it. */
export interface HttpReply extends HttpResponse, OwnReply {}

export type HttpAnswer = string | HttpReply | Promise<HttpReply>;

export interface Route {
  readonly path: string;
  readonly methods: readonly ('GET' | 'POST')[];
  /** It only looks, and is no message. A probe asks how the server is: answered above the limit too, and its errors are not counted. */
  readonly kind?: 'probe' | 'page';
  /** A string is a message for the handler. GET answers HEAD as well: the codec leaves the body out. */
  answer(request: HttpRequest, connection: Connection): HttpAnswer;
}

export class Routes {
  readonly #routes: ReadonlyMap<string, Route>;
  /** For `OPTIONS *`, which asks about the server as a whole (RFC 9110 section 9.3.7). */
  readonly #allAllowed: string;

  constructor(routes: readonly Route[]) {
    this.#routes = new Map(routes.map((route) => [route.path, route]));
    this.#allAllowed = allowOf(routes.flatMap(({ methods }) => methods));
  }

  /** Paths are compared as they were sent: no dot segment leads to another route. */
  kindOf({ path }: HttpRequest): Route['kind'] {
    return this.#routes.get(path)?.kind;
  }

  /** The route for this request, or the reply where there is none. */
  find({ method, path }: HttpRequest): Route | HttpReply {
    const route = this.#routes.get(path);
    if (method === 'OPTIONS' && path === '*') return { status: 204, headers: { Allow: this.#allAllowed } };
    if (route === undefined) return errorReply(404, `there is nothing at ${excerpt(path)}: messages go to POST /`);
    if (isAllowed(method, route)) return route;
    const allow = allowOf(route.methods);
    if (method === 'OPTIONS') return { status: 204, headers: { Allow: allow } };
    const reply = errorReply(405, `this path takes ${allow}`, { Allow: allow });
    return route.kind === 'probe' ? uncounted(reply) : reply;
  }
}

/** An error with one line as its body. */
export function errorReply(status: number, detail: string, headers: Record<string, string> = {}): HttpReply {
  return { status, body: `${detail}\n`, headers, code: String(status), detail };
}

/** Probes are no errors: they come all the time, and say nothing of clients. */
export function uncounted({ status, body = '', headers = {} }: HttpReply): HttpReply {
  return { status, body, headers };
}

/** HEAD is answered wherever GET is (RFC 9110 section 9.3.2). */
function isAllowed(method: string, { methods }: Route): boolean {
  return (methods as readonly string[]).includes(method === 'HEAD' ? 'GET' : method);
}

/** The value of Allow (RFC 9110 section 10.2.1). */
function allowOf(methods: readonly string[]): string {
  const head = methods.includes('GET') ? ['HEAD'] : [];
  return [...new Set([...methods, ...head, 'OPTIONS'])].toSorted().join(', ');
}
