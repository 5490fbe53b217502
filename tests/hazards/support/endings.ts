/** How connections ended, from the server's log: a client that does not read cannot know. */
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

/** In order. */
export async function endings(server: StartedKnockServerContainer): Promise<Ending[]> {
  const lines = await server.logLines();
  return lines.filter((line) => 'reason' in line) as unknown as Ending[];
}
