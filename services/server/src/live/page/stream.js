/** The stream of what happens on the server. It comes back by itself, and says when it is gone. */

/** @typedef {import('../feed.ts').FeedUpdate} Update */

const RETRY_MS = 500;
/** The server gives a sign of life at least every five seconds. */
const SILENT_MS = 12_000;

export class Stream {
  /** @type {EventSource | undefined} */
  #source;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #follows = '';
  #hear;
  #lost;

  /** @param {{ hear: (update: Update) => void, lost: () => void }} told */
  constructor({ hear, lost }) {
    this.#hear = hear;
    this.#lost = lost;
    this.#open();
  }

  /** From now on this address's bytes come as well. @param {string} address */
  follow(address) {
    if (address === this.#follows) return;
    this.#follows = address;
    this.#open();
  }

  #open() {
    this.#source?.close();
    const source = new EventSource(this.#follows ? `/events?follow=${encodeURIComponent(this.#follows)}` : '/events');
    this.#source = source;
    this.#openAgainIn(SILENT_MS);
    source.addEventListener('message', ({ data }) => {
      this.#openAgainIn(SILENT_MS);
      this.#hear(JSON.parse(data));
    });
    source.addEventListener('error', () => {
      // A browser gives up after some kinds of failure, so it is not left to it.
      source.close();
      this.#lost();
      this.#openAgainIn(RETRY_MS);
    });
  }

  /** @param {number} ms */
  #openAgainIn(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), ms);
  }
}
