/** Tells whoever looks at things while others work on them what he has seen at rest. */
export interface Watch {
  /** Whether nobody has worked on it since the watch began: what was seen of it will last. */
  isAtRest(key: string): boolean;
}

/**
 * What is being worked on now: paths, or volumes. It locks nothing. Work that is announced here lets those who only look
 * tell a state that passes from one that lasts.
 */
export class InWork {
  private readonly underWay = new Map<string, number>();
  /** For each watch, what was worked on since it began. */
  private readonly touched = new Set<Set<string>>();

  has(key: string): boolean {
    return this.underWay.has(key);
  }

  /** Works on something, or on several things; several works on one thing may overlap. */
  async during<T>(keys: string | readonly string[], work: () => Promise<T>): Promise<T> {
    const all = typeof keys === 'string' ? [keys] : keys;
    for (const key of all) this.begin(key);
    try {
      return await work();
    } finally {
      for (const key of all) this.end(key);
    }
  }

  /** Looks, and tells what was worked on meanwhile. The watch begins before this returns. */
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
