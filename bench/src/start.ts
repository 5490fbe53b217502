/** From the start of the program until it listens. */
import type { Figure, Measure } from './figure.ts';
import { inTurn } from './rounds.ts';
import { BARE_NET, KNOCK_FRAMES } from './servers.ts';

const SECTION = 'Start';
const PORT = 21_500;

export async function measureStart({ rounds, progress }: Measure): Promise<Figure[]> {
  const values: Record<string, number[]> = {};
  for (let round = 0; round <= rounds; round += 1) {
    progress(`${SECTION}: ${round === 0 ? 'to warm up' : `round ${round} of ${rounds}`}`);
    for (const { name, program } of inTurn([BARE_NET, KNOCK_FRAMES], round)) {
      await using running = program(PORT);
      const ms = await running.listens(PORT);
      if (round > 0) (values[name] ??= []).push(ms);
    }
  }
  const title = 'From the start of the program until it listens';
  return [{ id: 'start', section: SECTION, title, unit: 'ms', values }];
}
