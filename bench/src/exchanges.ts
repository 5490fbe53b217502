/** One exchange per connection, like the article's client: CPU time of the server for each. */
import type { Figure, Measure } from './figure.ts';
import { answerOf, load } from './load.ts';
import { inTurn } from './rounds.ts';
import { ARTICLE_PYTHON, BARE_LOG, BARE_NET, KNOCK_FRAMES } from './servers.ts';

const FIGURE = 'exchange-cpu';
const SECTION = 'One exchange for each connection';
const FIRST_PORT = 21_200;
/** Exchanges a second: above 400, ephemeral ports run out. */
const RATE = 300;
const ROUND_MS = 1000;
/** At this rate V8 needs long to compile the hot code. */
const WARM_UP_MS = 5000;

export async function measureExchanges({ rounds, progress, wants }: Measure): Promise<Figure[]> {
  await using stack = new AsyncDisposableStack();
  const all = [BARE_NET, BARE_LOG, KNOCK_FRAMES, ARTICLE_PYTHON];
  const servers = all.filter(({ name }) => wants(FIGURE, name));
  const running = [];
  for (const [place, server] of servers.entries()) {
    const port = FIRST_PORT + place;
    const program = stack.use(server.program(port));
    await program.listens(port);
    const message = server.encode('Hello, server');
    running.push({ server, program, port, message, replyBytes: (await answerOf(port, message)).length });
  }
  const values: Record<string, number[]> = {};
  for (let round = 0; round <= rounds; round += 1) {
    progress(`${SECTION}: ${RATE} a second, ${round === 0 ? 'to warm up' : `round ${round} of ${rounds}`}`);
    for (const { server, program, port, message, replyBytes } of inTurn(running, round)) {
      const before = program.cpuSeconds();
      const { messages } = await load({
        port,
        message,
        replyBytes,
        connections: 0,
        depth: 0,
        ms: round === 0 ? WARM_UP_MS : ROUND_MS,
        rate: RATE,
      });
      if (round > 0) (values[server.name] ??= []).push(((program.cpuSeconds() - before) / messages) * 1e6);
    }
  }
  const title = `Processor for connect, one message, reply and close, ${RATE} a second`;
  return [{ id: FIGURE, section: SECTION, title, unit: 'µs/exchange', values }];
}
