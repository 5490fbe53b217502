/** The server's real image with the slow handler in it. */
import { bundleServer } from '../bundle.ts';
import { KnockServerContainer } from '../knock-server.ts';

export async function slowServer(): Promise<KnockServerContainer> {
  const source = await bundleServer({ handler: 'tests/hazards/slow-handler.ts', file: '.build/slow/main.mjs' });
  return new KnockServerContainer().withBindMounts([{ source, target: '/app/main.mjs', mode: 'ro' }]);
}
