/** The probes: liveness (`/healthz`), readiness (`/readyz`) and metrics (`/metrics`). */
import type { Logger } from '@knock/shared/log/log';

import type { Connection } from '../net/connection.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { errorReply, type HttpReply, type Route, uncounted } from './routes.ts';

export interface ProbeOptions {
  logger: Logger;
  metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** Whether a new client in the place of `asker` would be served. */
  ready: (asker: Connection) => boolean;
}

export function probeRoutes({ logger, metrics, ready }: ProbeOptions): Route[] {
  const probe = (path: string, check: (asker: Connection) => boolean): Route => ({
    path,
    methods: ['GET'],
    kind: 'probe',
    answer: (_request, connection) => {
      const ok = check(connection);
      logger.debug({ connection: connection.id, path, ok }, `probe ${path}: ${ok ? 'ok' : 'not ready'}`);
      return ok ? { status: 200, body: 'ok\n' } : NOT_READY;
    },
  });
  const numbers: Route = {
    path: '/metrics',
    methods: ['GET'],
    kind: 'probe',
    answer: async () => ({
      status: 200,
      body: await metrics.text(),
      headers: { 'Content-Type': metrics.contentType },
    }),
  };
  return [probe('/healthz', () => true), probe('/readyz', ready), numbers];
}

/** Closes the connection, so that the probe frees its place at once. */
const NOT_READY: HttpReply = {
  ...uncounted(errorReply(503, 'not ready: at the connection limit, or draining', { 'Retry-After': '1' })),
  ends: 'busy',
};
