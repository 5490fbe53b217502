/** What a session needs of the server that started it. */
import type { Denial } from '../net/admission.ts';
import type { Connection } from '../net/connection.ts';
import type { PendingWrites } from '../net/pending-writes.ts';
import type { ServerSettings } from '../settings.ts';
import type { HandlerOptions } from './run-handler.ts';

export interface SessionOptions extends HandlerOptions {
  settings: Pick<ServerSettings, 'MESSAGE_TIMEOUT_MS' | 'HANDLER_TIMEOUT_MS' | 'IDLE_TIMEOUT_MS' | 'TEXT_IDLE_MS'>;
  pendingWrites: PendingWrites;
  /** Why this client is not served; undefined: it is. */
  denial: Denial | undefined;
  /** Whether the server drains: what has come is answered, and nothing more. */
  draining: boolean;
  /** Called before the first message goes to the handler: why it must not, after all. */
  serve: (connection: Connection) => Denial | undefined;
}
