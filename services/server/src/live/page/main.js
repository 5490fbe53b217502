/** The page: passes updates of the stream to the street, the chosen conversation and the numbers. */
import { byId, show } from './elements.js';
import { Houses } from './houses.js';
import { listenToBox } from './say.js';
import { Sequence } from './sequence.js';
import { Stream } from './stream.js';
import { Street } from './street.js';
import { Totals } from './totals.js';
import { travel } from './travel.js';

/** @typedef {import('../feed.ts').FeedUpdate} Update */
/** @typedef {import('../connection-sampler.ts').ConnectionUpdate} ConnectionUpdate */

const port = location.port || (location.protocol === 'https:' ? '443' : '80');
const houses = new Houses();
const totals = new Totals();
const sequence = new Sequence();
const street = new Street((house) => {
  street.markChosen(house.key);
  sequence.follow(house);
  stream.follow(house.address);
});
let accepted = 0;

const stream = new Stream({
  hear(update) {
    if (update.snapshot) beginWith(update);
    for (const client of update.connections) hearClient(client);
    accepted = update.totals.accepted;
    totals.hear(update.totals);
    if (update.leaving)
      status('leaving', `${update.server} is shutting down: it answers what it has read, and accepts no new clients`);
    draw();
  },
  lost() {
    houses.keepOpen([], performance.now());
    draw();
    if (document.body.dataset['status'] !== 'leaving') status('lost', 'connection to the server lost: reconnecting…');
  },
});

/** @param {Update} update */
function beginWith({ server, totals: { accepted: now }, connections }) {
  // Lower numbers: another server, with other clients.
  if (now < accepted) {
    houses.clear();
    totals.forget();
  }
  houses.keepOpen(connections, performance.now());
  show(byId('server-name'), server);
  show(byId('server-port'), `port ${port}`);
  sequence.meet({ server, port });
  document.title = `Knock: who talks to ${server}`;
  status('live', `live from ${server}`);
}

/** @param {ConnectionUpdate} client */
function hearClient(client) {
  const house = houses.hear(client, performance.now());
  sequence.hear(client);
  const { exchange } = client;
  if (!house || !exchange) return;
  // After the house is drawn: until then its position is unknown.
  requestAnimationFrame(() => {
    const way = street.way(house.key);
    if (way) void travel(way, exchange);
  });
}

function draw() {
  const now = performance.now();
  houses.leave(now);
  street.draw(houses.all, now);
}

/** @param {string} kind @param {string} sentence */
function status(kind, sentence) {
  document.body.dataset['status'] = kind;
  show(byId('status'), sentence);
}

listenToBox();
setInterval(draw, 250);
setInterval(() => totals.tick(), 1000);
