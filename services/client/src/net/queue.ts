/** A FIFO queue in constant time: `Array.shift` moves all other items, which is slow with a hundred thousand of them. */
const MIN_COMPACT_ITEMS = 1024;

export class Queue<Item> {
  /** Items that were taken out are set to undefined, so that they can be garbage-collected. */
  #items: (Item | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    // Compacts once most slots are empty.
    if (this.#head > MIN_COMPACT_ITEMS && this.#head * 2 > this.#items.length) this.replace(this.toArray());
    return item;
  }

  /** All items, oldest first. */
  toArray(): Item[] {
    return this.#items.slice(this.#head) as Item[];
  }

  replace(items: Item[]): void {
    this.#items = items;
    this.#head = 0;
  }

  /** Removes and returns all items, oldest first. */
  drain(): Item[] {
    const items = this.toArray();
    this.replace([]);
    return items;
  }
}
