/** The random choices of one attack: the same in each run with the same ATTACK_SEED, whatever other tests do. */
export class Random {
  private state: number;

  /** @param name of the attack */
  constructor(name: string) {
    this.state = Number(process.env['ATTACK_SEED'] ?? 0) >>> 0;
    for (const byte of Buffer.from(name)) this.state = Math.imul(this.state ^ byte, 0x01000193) >>> 0;
  }

  /** A number from 0 to 2³² − 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let bits = this.state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return (bits ^ (bits >>> 14)) >>> 0;
  }

  /** A number from 0 to `limit` − 1. */
  below(limit: number): number {
    return this.next() % limit;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('there is nothing to pick');
    return item;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** As many of the items, in a random order; all of them if there are fewer. */
  sample<Item>(items: readonly Item[], count: number): Item[] {
    const rest = [...items];
    const taken: Item[] = [];
    while (taken.length < count && rest.length > 0) taken.push(...rest.splice(this.below(rest.length), 1));
    return taken;
  }
}

/** How often an attack is repeated: `inCi` times in `npm test`, ATTACK_FACTOR times as often in the full form. */
export function rounds(inCi: number): number {
  return inCi * Number(process.env['ATTACK_FACTOR'] ?? 1);
}
