/** `node together/X.ts PORT OUTSTANDING MS` keeps OUTSTANDING requests in flight, and prints how many replies came. */
const TEXT = 'Hello, server';

const [serverPort, unanswered, ms] = process.argv.slice(2).map(Number) as [number, number, number];
export const port = serverPort;
/** Requests in flight. */
export const outstanding = unanswered;

/** Warms up for half of MS, then counts for MS. `ask` resolves with the reply, which must equal the text; `place` numbers the requests in flight, from 0. */
export async function count(ask: (text: string, place: number) => Promise<string>): Promise<void> {
  const start = performance.now() + ms / 2;
  const end = start + ms;
  let messages = 0;
  const askUntilEnd = async (_: unknown, place: number) => {
    for (let now = performance.now(); now < end;) {
      const answer = await ask(TEXT, place);
      if (answer !== TEXT) throw new Error(`the reply was ${JSON.stringify(answer)}`);
      now = performance.now();
      if (now >= start && now < end) messages += 1;
    }
  };
  await Promise.all(Array.from({ length: outstanding }, askUntilEnd));
  console.log(JSON.stringify({ messages, seconds: ms / 1000 }));
}
