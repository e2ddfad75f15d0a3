import { randomNumbers } from '../../support/random.ts';

/** The random choices of one attack: the same in each run with the same ATTACK_SEED, whatever other tests do. */
export class Random {
  private readonly next: () => number;

  /** @param name of the attack */
  constructor(name: string) {
    let seed = Number(process.env['ATTACK_SEED'] ?? 0) >>> 0;
    for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 0x01000193) >>> 0;
    this.next = randomNumbers(seed);
  }

  /** A number from 0 to `limit` − 1. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
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
