/** The routing table, from which HEAD, OPTIONS, 404 and 405 follow for every path. */
import type { HttpRequest } from '@knock/shared/codec/http/request';
import type { HttpResponse } from '@knock/shared/codec/http/response';
import { excerpt } from '@knock/shared/log/excerpt';

import type { Connection } from '../net/connection.ts';
import type { ProtocolReply } from '../protocols/protocol.ts';

/** A response, and what the session needs to know about it. */
export interface HttpReply extends HttpResponse, ProtocolReply {}

export type HttpAnswer = string | HttpReply | Promise<HttpReply>;

export interface Route {
  readonly path: string;
  readonly methods: readonly ('GET' | 'POST')[];
  /** Undefined: messages. A probe is also answered above the connection limit, and its errors are not counted. */
  readonly kind?: 'probe' | 'page';
  /** A string is a message for the handler. GET also answers HEAD: the codec leaves the body out. */
  answer(request: HttpRequest, connection: Connection): HttpAnswer;
}

export class Routes {
  readonly #routes: ReadonlyMap<string, Route>;
  /** The `Allow` of `OPTIONS *`, which asks about the whole server (RFC 9110 section 9.3.7). */
  readonly #allAllowed: string;

  constructor(routes: readonly Route[]) {
    this.#routes = new Map(routes.map((route) => [route.path, route]));
    this.#allAllowed = allowOf(routes.flatMap(({ methods }) => methods));
  }

  /** Paths are compared as sent, so that no dot segment leads to another route. */
  kindOf({ path }: HttpRequest): Route['kind'] {
    return this.#routes.get(path)?.kind;
  }

  /** The route for this request, or the reply if there is none. */
  find({ method, path }: HttpRequest): Route | HttpReply {
    const route = this.#routes.get(path);
    if (method === 'OPTIONS' && path === '*') return { status: 204, headers: { Allow: this.#allAllowed } };
    if (route === undefined) return errorReply(404, `no route for ${excerpt(path)}: send messages to POST /`);
    if (isAllowed(method, route)) return route;
    const allow = allowOf(route.methods);
    if (method === 'OPTIONS') return { status: 204, headers: { Allow: allow } };
    const reply = errorReply(405, `method not allowed: use ${allow}`, { Allow: allow });
    return route.kind === 'probe' ? uncounted(reply) : reply;
  }
}

/** An error response with a one-line body. */
export function errorReply(status: number, detail: string, headers: Record<string, string> = {}): HttpReply {
  return { status, body: `${detail}\n`, headers, code: String(status), detail };
}

/** Leaves a reply out of the error counts: probes are frequent, and say nothing about clients. */
export function uncounted({ status, body = '', headers = {} }: HttpReply): HttpReply {
  return { status, body, headers };
}

/** HEAD is allowed wherever GET is (RFC 9110 section 9.3.2). */
function isAllowed(method: string, { methods }: Route): boolean {
  return (methods as readonly string[]).includes(method === 'HEAD' ? 'GET' : method);
}

/** The value of `Allow` (RFC 9110 section 10.2.1). */
function allowOf(methods: readonly string[]): string {
  const head = methods.includes('GET') ? ['HEAD'] : [];
  return [...new Set([...methods, ...head, 'OPTIONS'])].toSorted().join(', ');
}
