/** A ZeroMQ echo server: a Router returns each message to its Dealer. */
import { Router } from 'zeromq';

const [port] = process.argv.slice(2).map(Number);
// No high-water mark: a Router drops messages above its default of 1000.
const router = new Router({ sendHighWaterMark: 0 });
await router.bind(`tcp://127.0.0.1:${port}`);
for await (const senderAndText of router) await router.send(senderAndText);
