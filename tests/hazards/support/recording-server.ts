/** The server's real image with the recording handler, which echoes each message after a delay. */
import { join } from 'node:path';

import { KnockServerContainer } from '../../support/knock-server.ts';

const BUNDLE = join(import.meta.dirname, '../../../.build/recording/main.mjs');

/** `delayMs`: the handler's delay per message. */
export function recordingServer({ delayMs }: { delayMs: number }): KnockServerContainer {
  return new KnockServerContainer()
    .withSettings({ REPLY: String(delayMs) })
    .withBindMounts([{ source: BUNDLE, target: '/app/main.mjs', mode: 'ro' }]);
}
