/** The names of callers, for people who read the log: looked up in the background, never waited for. */
import { nameOf } from '@knock/shared/names';

const MAX_NAMES = 1024;
const MAX_LOOK_UPS = 16;
/** Not longer, since an address may soon belong to another replica. */
const NAME_LIVES_MS = 30_000;

export class Names {
  readonly #names = new Map<string, { name: string; until: number }>();
  #lookUps = 0;

  /** The name of an address as far as it is known by now, else the address; asks for it if it is not. */
  of(address: string): string {
    const known = this.#names.get(address);
    if (known === undefined || known.until < performance.now()) void this.#lookUp(address, known?.name ?? address);
    return known?.name ?? address;
  }

  async #lookUp(address: string, meanwhile: string): Promise<void> {
    if (this.#lookUps >= MAX_LOOK_UPS) return;
    this.#lookUps += 1;
    if (this.#names.size >= MAX_NAMES) this.#names.clear();
    const until = performance.now() + NAME_LIVES_MS;
    // At once, so that nobody asks twice.
    this.#names.set(address, { name: meanwhile, until });
    this.#names.set(address, { name: await nameOf(address), until });
    this.#lookUps -= 1;
  }
}
