/** The server's real image with the slow handler. */
import { bundleServer } from '../../support/bundle.ts';
import { KnockServerContainer } from '../../support/knock-server.ts';

export async function slowServer(): Promise<KnockServerContainer> {
  const source = await bundleServer({ handler: 'tests/hazards/support/slow-handler.ts', file: '.build/slow/main.mjs' });
  return new KnockServerContainer().withBindMounts([{ source, target: '/app/main.mjs', mode: 'ro' }]);
}
