/** Host names of clients, for the log and the page: resolved in the background, nothing waits for them. */
import { nameOf } from '@knock/shared/replica-names';

import type { Peer } from './peer.ts';

const MAX_NAMES = 1024;
const MAX_LOOK_UPS = 16;
/** Short: another container may soon get the address. */
const NAME_TTL_MS = 2000;

export class PeerNames {
  readonly #names = new Map<string, { name: Promise<string>; until: number }>();
  #lookUps = 0;

  /** Sets the name of a client as soon as it is known. */
  assign(peer: Peer): void {
    void this.#nameOf(peer.address)?.then((name) => (peer.name = name));
  }

  /** Undefined: too many look-ups are running already. */
  #nameOf(address: string): Promise<string> | undefined {
    const known = this.#names.get(address);
    if (known && known.until > performance.now()) return known.name;
    if (this.#lookUps >= MAX_LOOK_UPS) return undefined;
    this.#lookUps += 1;
    const name = nameOf(address).finally(() => (this.#lookUps -= 1));
    if (this.#names.size >= MAX_NAMES) this.#names.clear();
    this.#names.set(address, { name, until: performance.now() + NAME_TTL_MS });
    return name;
  }
}
