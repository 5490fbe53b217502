/** The event stream from the server. It reconnects by itself, and reports when the connection is lost. */

/** @typedef {import('../feed.ts').FeedUpdate} Update */

const RETRY_MS = 500;
/** Longer than two heartbeats of the server, which come every five seconds. */
const SILENT_MS = 12_000;

export class Stream {
  /** @type {EventSource | undefined} */
  #source;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #follows = '';
  #hear;
  #lost;

  /** @param {{ hear: (update: Update) => void, lost: () => void }} listeners */
  constructor({ hear, lost }) {
    this.#hear = hear;
    this.#lost = lost;
    this.#open();
  }

  /** Adds the bytes of this address to the stream. @param {string} address */
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
      // After some failures browsers do not reconnect, so we do it ourselves.
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
