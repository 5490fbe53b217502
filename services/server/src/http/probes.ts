/** What a machine asks to watch the server: whether it lives, whether it takes clients, and its metrics. */
import type { Logger } from '@knock/shared/log/log';

import type { Connection } from '../net/connection.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { errorReply, type HttpReply, type Route, uncounted } from './routes.ts';

export interface ProbeOptions {
  logger: Logger;
  metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** Whether another client in the place of the one who asks would be served. */
  ready: (asker: Connection) => boolean;
}

export function probeRoutes({ logger, metrics, ready }: ProbeOptions): Route[] {
  const probe = (path: string, isWell: (asker: Connection) => boolean): Route => ({
    path,
    methods: ['GET'],
    kind: 'probe',
    answer: (_request, connection) => {
      const well = isWell(connection);
      logger.debug({ connection: connection.id, path, well }, `probe ${path}: ${well ? 'well' : 'not ready'}`);
      return well ? { status: 200, body: 'ok\n' } : NOT_READY;
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

/** It closes the connection, so that whoever asks does not keep a place that others need. */
const NOT_READY: HttpReply = {
  ...uncounted(errorReply(503, 'not ready: the server takes no new clients now', { 'Retry-After': '1' })),
  ends: 'busy',
};
