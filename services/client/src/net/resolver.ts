/** Looks the server's name up, also where one look-up hangs: a name that was gone is found again soon after its return. */
import { lookup, Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { abortable } from './abortable.ts';

/**
 * From then on a look-up counts as hanging, and the name server is asked in its stead, about this often. While no
 * container has a name, Docker's name server passes the question on to the outside, where it may be dropped; the system's
 * look-up then waits for some seconds more (`timeout` of resolv.conf(5) is 5 s), though the name is back.
 */
const PATIENCE_MS = 500;

export class ServerResolver {
  readonly #host: string;
  #system: { addresses: Promise<string[]>; since: number } | undefined;

  constructor(host: string) {
    this.#host = host;
  }

  /** The addresses of the name. Rejects with the system's error, or with the signal's reason. */
  async addresses(signal: AbortSignal): Promise<string[]> {
    const { addresses, since } = this.#askSystem();
    const over = new AbortController();
    const found = Promise.race([addresses, this.#askNameServer(since + PATIENCE_MS, over.signal)]);
    return abortable(found, signal).finally(() => over.abort());
  }

  /** As every program here does, hosts file included. It cannot be called off: one that hangs is not asked once more. */
  #askSystem() {
    const since = performance.now();
    this.#system ??= { since, addresses: this.#askSystemOnce(since).finally(() => (this.#system = undefined)) };
    return this.#system;
  }

  /** An answer that hung comes when the resolver repeats its question: to all who lost the server together, at one time. */
  async #askSystemOnce(since: number): Promise<string[]> {
    const found = await lookup(this.#host, { all: true });
    if (performance.now() - since > PATIENCE_MS) await sleep(Math.random() * PATIENCE_MS);
    return found.map(({ address }) => address);
  }

  /**
   * Asks until it is answered or called off, also where there is no such name: what that means is the system's to say. At
   * random times, since all who lost the server together would else find it together.
   */
  async #askNameServer(from: number, signal: AbortSignal): Promise<string[]> {
    const resolver = new Resolver({ timeout: PATIENCE_MS, tries: 1 });
    signal.addEventListener('abort', () => resolver.cancel());
    for (let next = from; !signal.aborted; next = performance.now() + PATIENCE_MS * (0.5 + Math.random())) {
      try {
        await sleep(Math.max(0, next - performance.now()), undefined, { signal });
        return await Promise.any([resolver.resolve4(this.#host), resolver.resolve6(this.#host)]);
      } catch {
        // Called off, or nothing was found: the name may be back in a moment.
      }
    }
    return [];
  }
}
