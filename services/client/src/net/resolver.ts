/** Resolves the server's name, even while the system's resolver hangs: a name that comes back is found within about a second. */
import { lookup, Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { abortable } from './abortable.ts';

/**
 * After this long the system's lookup counts as hung, and the name server is queried directly, about this often. Docker's
 * name server forwards the names of stopped containers to the outside, where the query may be dropped. The system's
 * lookup then waits 5 s (`timeout` in resolv.conf(5)), although the name may be back.
 */
const HUNG_AFTER_MS = 500;

export class ServerResolver {
  readonly #host: string;
  #system: { addresses: Promise<string[]>; since: number } | undefined;

  constructor(host: string) {
    this.#host = host;
  }

  /** The host's addresses. Rejects with the system's error, or with the signal's reason. */
  async addresses(signal: AbortSignal): Promise<string[]> {
    const { addresses, since } = this.#systemLookup();
    const over = new AbortController();
    const found = Promise.race([addresses, this.#queryNameServer(since + HUNG_AFTER_MS, over.signal)]);
    return abortable(found, signal).finally(() => over.abort());
  }

  /** The system's lookup, hosts file included. It cannot be cancelled, so all attempts share one that hangs. */
  #systemLookup() {
    const since = performance.now();
    this.#system ??= { since, addresses: this.#lookup(since).finally(() => (this.#system = undefined)) };
    return this.#system;
  }

  /** A hung lookup is answered when the resolver retries, for many clients at the same moment: jitter spreads them. */
  async #lookup(since: number): Promise<string[]> {
    const found = await lookup(this.#host, { all: true });
    if (performance.now() - since > HUNG_AFTER_MS) await sleep(Math.random() * HUNG_AFTER_MS);
    return found.map(({ address }) => address);
  }

  /**
   * Queries until there is an answer or the signal aborts. "No such name" is left for the system's lookup to report.
   * The pauses have jitter: clients that lost the server together must not find it at the same moment.
   */
  async #queryNameServer(from: number, signal: AbortSignal): Promise<string[]> {
    const resolver = new Resolver({ timeout: HUNG_AFTER_MS, tries: 1 });
    signal.addEventListener('abort', () => resolver.cancel());
    for (let next = from; !signal.aborted; next = performance.now() + HUNG_AFTER_MS * (0.5 + Math.random())) {
      try {
        await sleep(Math.max(0, next - performance.now()), undefined, { signal });
        return await Promise.any([resolver.resolve4(this.#host), resolver.resolve6(this.#host)]);
      } catch {
        // Cancelled, or no such name yet: it may be back in a moment.
      }
    }
    return [];
  }
}
