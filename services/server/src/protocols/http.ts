/** HTTP/1.1: requests in, responses out. `http/routes.ts` has the routes. */
import { HttpError } from '@knock/shared/codec/http/http-error';
import type { HttpRequest } from '@knock/shared/codec/http/request';
import { HttpCodec } from '@knock/shared/codec/http/request-codec';

import { MIN_DRAIN_MS } from '../drain.ts';
import { guard } from '../http/guards.ts';
import { errorReply, type HttpReply, type Routes } from '../http/routes.ts';
import type { Protocol, SessionErrorCode } from './protocol.ts';

export interface HttpOptions {
  /** The largest body, in bytes. */
  maxBodyBytes: number;
  /** The setting ALLOWED_HOSTS. */
  allowedHosts: readonly string[];
  routes: Routes;
}

const STATUS: Record<SessionErrorCode, number> = {
  bad_frame: 400,
  bad_utf8: 400,
  busy: 503,
  failed: 500,
  timeout: 408,
  tls: 400,
  too_large: 413,
};

const CONTINUE: HttpReply = { status: 100, interim: true };

export function httpProtocol({ maxBodyBytes, allowedHosts, routes }: HttpOptions): Protocol<HttpRequest, HttpReply> {
  return {
    open: () => new HttpCodec({ maxBodyBytes }),

    /** Called twice for a request with a body: an error in its head is answered without waiting for the body. */
    answer(request, connection) {
      const forbidden = guard(request, allowedHosts);
      if (forbidden !== undefined) return errorReply(403, forbidden);
      const found = routes.find(request);
      const isRoute = 'answer' in found;
      if (isRoute && !request.complete) return request.expectsContinue ? CONTINUE : undefined;
      if (routes.kindOf(request) !== undefined) connection.stats.probes += 1;
      return isRoute ? found.answer(request, connection) : found;
    },

    errorReply: sessionError,

    /** HTTP has no goaway: only a started request gets a response. */
    farewell: (owesReply, detail) => (owesReply ? sessionError('busy', detail) : undefined),

    /** Health checks on this machine have no certificate; remote probes need one. */
    answersDenied: (request, connection, denial) =>
      routes.kindOf(request) === 'probe' && (denial.code !== 'tls' || connection.peer.isLocal),

    // A request that is in flight when the drain starts gets a 503, not a reset.
    drainGraceMs: MIN_DRAIN_MS,
  };
}

function sessionError(code: SessionErrorCode, detail: string, fault?: unknown): HttpReply {
  if (fault instanceof HttpError) {
    return errorReply(fault.status, fault.message, fault.allow === undefined ? {} : { Allow: fault.allow });
  }
  const status = STATUS[code];
  return errorReply(status, `${code}: ${detail}`, status === 503 ? { 'Retry-After': '1' } : {});
}
