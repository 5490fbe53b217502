/** Sends to a ZeroMQ Router, over one Dealer connection. */
import { Dealer } from 'zeromq';

import { count, port } from './asking.ts';

const dealer = new Dealer();
dealer.connect(`tcp://127.0.0.1:${port}`);

/** Replies come in the order of the requests. */
const waiting: ((answer: string) => void)[] = [];
async function listen(): Promise<void> {
  for await (const [answer] of dealer) waiting.shift()!(answer!.toString());
}

/** A Dealer accepts one send at a time. */
let sent = Promise.resolve();
const listening = listen();
await count((text) => {
  const { promise, resolve } = Promise.withResolvers<string>();
  waiting.push(resolve);
  sent = sent.then(() => dealer.send(text));
  return promise;
});
dealer.close();
await listening;
