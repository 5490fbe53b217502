/** `/`: messages for the handler, and the live page for browsers. */
import type { HttpRequest } from '@knock/shared/codec/http/request';
import { decodeUtf8 } from '@knock/shared/codec/utf8';

import type { HttpReply, Route } from './routes.ts';

/** `page`: what a browser gets; undefined: the handler's reply, like everybody else. */
export function messageRoute(page: ((request: HttpRequest) => HttpReply) | undefined): Route {
  return {
    path: '/',
    methods: ['GET', 'POST'],
    /** Throws a `CodecError` for a body that is not UTF-8. */
    answer(request, connection) {
      if (request.method === 'POST') return decodeUtf8(request.body, 0, request.body.length);
      if (page === undefined || !acceptsHtml(request)) return '';
      connection.stats.probes += 1;
      return page(request);
    },
  };
}

/** Browsers name HTML in `Accept`; other clients accept anything, and want the handler's reply (RFC 9110 section 12.5.1). */
function acceptsHtml({ fields }: HttpRequest): boolean {
  const accept = fields.get('accept')?.toLowerCase();
  if (accept === undefined || !accept.includes('text/html')) return false;
  return accept.split(',').some((range) => {
    const [type, ...parameters] = range.split(';').map((part) => part.trim());
    return type === 'text/html' && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}
