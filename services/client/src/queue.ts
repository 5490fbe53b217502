/** First in, first out, in constant time: an array's own `shift` moves all the rest, which shows at a hundred thousand. */
export class Queue<Item> {
  #items: Item[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head++];
    // The part that was read is given back when it is the larger one.
    if (this.#head * 2 > this.#items.length) this.replace(this.#items.slice(this.#head));
    return item;
  }

  /** All items, oldest first. */
  toArray(): Item[] {
    return this.#items.slice(this.#head);
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
