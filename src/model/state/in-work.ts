/** Lets a reader discard what changed while it looked. */
export interface Watch {
  /** Whether no work on it ran since the watch began: its observed state will last. */
  isAtRest(key: string): boolean;
}

/**
 * The paths or volumes that are being worked on now. It locks nothing. Work announced here lets readers tell a
 * transient state from a lasting one.
 */
export class InWork {
  private readonly underWay = new Map<string, number>();
  /** For each watch, the keys worked on since it began. */
  private readonly touched = new Set<Set<string>>();

  has(key: string): boolean {
    return this.underWay.has(key);
  }

  /** Marks one or several keys as worked on while `work` runs; work on the same key may overlap. */
  async during<T>(keys: string | readonly string[], work: () => Promise<T>): Promise<T> {
    const all = typeof keys === 'string' ? [keys] : keys;
    for (const key of all) this.begin(key);
    try {
      return await work();
    } finally {
      for (const key of all) this.end(key);
    }
  }

  /** Runs `look`, and reports which keys were worked on during it. The watch begins before this returns. */
  async watch<T>(look: (watch: Watch) => Promise<T>): Promise<T> {
    const touched = new Set(this.underWay.keys());
    this.touched.add(touched);
    try {
      return await look({ isAtRest: (key) => !touched.has(key) });
    } finally {
      this.touched.delete(touched);
    }
  }

  private begin(key: string): void {
    this.underWay.set(key, (this.underWay.get(key) ?? 0) + 1);
    for (const touched of this.touched) touched.add(key);
  }

  private end(key: string): void {
    const left = (this.underWay.get(key) ?? 0) - 1;
    if (left > 0) this.underWay.set(key, left);
    else this.underWay.delete(key);
  }
}
