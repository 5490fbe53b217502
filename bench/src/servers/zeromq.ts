/** What ZeroMQ can do: a Router sends each message back to the Dealer that it came from. */
import { Router } from 'zeromq';

const [port] = process.argv.slice(2).map(Number);
// No limit: a Router drops what is above its usual 1000 messages.
const router = new Router({ sendHighWaterMark: 0 });
await router.bind(`tcp://127.0.0.1:${port}`);
for await (const senderAndText of router) await router.send(senderAndText);
