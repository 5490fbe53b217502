/** First in, first out, in constant time: an array's own `shift` moves all the rest, which shows at a hundred thousand. */
const LEAST_GIVEN_BACK = 1024;

export class Queue<Item> {
  /** What was taken out is undefined: it must not stay in memory for the sake of its place. */
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
    // The part that was read is given back when it is the larger one, and worth it.
    if (this.#head > LEAST_GIVEN_BACK && this.#head * 2 > this.#items.length) this.replace(this.toArray());
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

  /** Takes all items out. */
  drain(): Item[] {
    const items = this.toArray();
    this.replace([]);
    return items;
  }
}
