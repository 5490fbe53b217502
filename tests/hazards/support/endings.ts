/** How connections ended, as the server's own log says: what no client can see that does not read. */
import type { CloseReason } from '@knock/server/net/close-reason';

import type { StartedKnockServerContainer } from '../../support/knock-server.ts';

export interface Ending {
  reason: CloseReason;
  /** In milliseconds since 1970. */
  time: number;
  /** How long the connection was open, in milliseconds. */
  ms: number;
  /** The first bytes of the first message. */
  message: string | undefined;
}

/** In their order. */
export async function endings(server: StartedKnockServerContainer): Promise<Ending[]> {
  const lines = await server.logLines();
  return lines.filter((line) => 'reason' in line) as unknown as Ending[];
}
