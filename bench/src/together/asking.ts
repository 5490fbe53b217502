/** Asks with a number of questions unanswered at once, and prints how many answers came: `node together/X.ts PORT OUTSTANDING MS`. */
const TEXT = 'Hello, server';

const [serverPort, unanswered, ms] = process.argv.slice(2).map(Number) as [number, number, number];
export const port = serverPort;
/** How many questions are unanswered at once. */
export const outstanding = unanswered;

/** Warms up for half of the time, then counts for all of it. `ask` resolves with the answer; one that is not the text itself is an error. `place`: of those that are unanswered, from 0. */
export async function count(ask: (text: string, place: number) => Promise<string>): Promise<void> {
  const start = performance.now() + ms / 2;
  const end = start + ms;
  let messages = 0;
  const askUntilEnd = async (_: unknown, place: number) => {
    for (let now = performance.now(); now < end;) {
      const answer = await ask(TEXT, place);
      if (answer !== TEXT) throw new Error(`the answer was ${JSON.stringify(answer)}`);
      now = performance.now();
      if (now >= start && now < end) messages += 1;
    }
  };
  await Promise.all(Array.from({ length: outstanding }, askUntilEnd));
  console.log(JSON.stringify({ messages, seconds: ms / 1000 }));
}
