/** The names of clients, for people who read the log: looked up in the background, never waited for. */
import { nameOf } from '@knock/shared/replica-names';

import type { Connection } from './connection.ts';

const MAX_NAMES = 1024;
const MAX_LOOK_UPS = 16;
/** Not longer, since an address may soon belong to another container. */
const NAME_TTL_MS = 2000;

export class PeerNames {
  readonly #names = new Map<string, { name: Promise<string>; until: number }>();
  #lookUps = 0;

  /** Tells a connection its client's name, as soon as that is known. */
  assign(connection: Connection): void {
    void this.#nameOf(connection.address)?.then((name) => (connection.name = name));
  }

  /** Undefined where too many names are being looked up already. */
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
