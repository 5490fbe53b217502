/** What a session gets from the server that started it. */
import type { Logger } from '@knock/shared/log/log';

import type { Handler } from '../handler.ts';
import type { Denial } from '../net/admission.ts';
import type { Connection } from '../net/connection.ts';
import type { PendingWrites } from '../net/pending-writes.ts';
import type { ServerSettings } from '../settings.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface SessionOptions {
  settings: Pick<ServerSettings, 'MESSAGE_TIMEOUT_MS' | 'HANDLER_TIMEOUT_MS' | 'IDLE_TIMEOUT_MS' | 'TEXT_IDLE_MS'>;
  handler: Handler;
  logger: Logger;
  handlerLatency: Metrics['handlerLatency'];
  pendingWrites: PendingWrites;
  /** Why this client is not served; undefined: it is. */
  denial: Denial | undefined;
  /** The server drains: it answers what has come, and nothing more. */
  draining: boolean;
  /** Called before the handler gets the first message; returns a denial if it must not get it (`ACCEPT=once`). */
  onFirstMessage: (connection: Connection) => Denial | undefined;
}
