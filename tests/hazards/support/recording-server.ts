/** The server's real image with the recording handler in it, which takes its time and answers each message by itself. */
import { join } from 'node:path';

import { KnockServerContainer } from '../../support/knock-server.ts';

const BUNDLE = join(import.meta.dirname, '../../../.build/recording/main.mjs');

/** `delayMs`: how long the handler takes for each message. */
export function recordingServer({ delayMs }: { delayMs: number }): KnockServerContainer {
  return new KnockServerContainer()
    .withSettings({ REPLY: String(delayMs) })
    .withBindMounts([{ source: BUNDLE, target: '/app/main.mjs', mode: 'ro' }]);
}
