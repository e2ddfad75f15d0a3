/** Lets a reader discard what changed while it looked. */
export interface Watch {
  /** Whether no work on it ran since the watch began: its observed state will last. */
  isAtRest(key: string): boolean;
}

/**
 * One kind of work, and the objects or paths that it is done on now. It excludes nothing: readers use it to tell a
 * transient state from a lasting one, and calls to wait for each other.
 */
export class Activity {
  /** For each key, one promise for each work on it, which resolves at its end. */
  private readonly running = new Map<string, Set<Promise<void>>>();
  /** For each watch, the keys worked on since it began. */
  private readonly touched = new Set<Set<string>>();
  private readonly queues = new Map<string, Promise<unknown>>();

  /** How many objects are worked on. */
  get count(): number {
    return this.running.size;
  }

  has(key: string): boolean {
    return this.running.has(key);
  }

  /** Marks one or several keys as worked on while `work` runs; work on the same key may overlap. */
  async during<T>(keys: string | readonly string[], work: () => Promise<T>): Promise<T> {
    const all = typeof keys === 'string' ? [keys] : keys;
    let resolve = () => {};
    const ended = new Promise<void>((onEnd) => {
      resolve = onEnd;
    });
    for (const key of all) this.begin(key, ended);
    try {
      return await work();
    } finally {
      for (const key of all) this.end(key, ended);
      resolve();
    }
  }

  /** Resolves when the work on a key that runs now has ended, however it ended. */
  async settled(key: string): Promise<void> {
    await Promise.all(this.running.get(key) ?? []);
  }

  /** Runs `work` after all earlier turns for this key. */
  async inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.queues.get(key);
    const turn = before === undefined ? work() : before.then(work, work);
    this.queues.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.queues.get(key) === turn) this.queues.delete(key);
    }
  }

  /** Runs `observe`, and reports which keys were worked on during it. The watch begins before this returns. */
  async watch<T>(observe: (watch: Watch) => Promise<T>): Promise<T> {
    const touched = new Set(this.running.keys());
    this.touched.add(touched);
    try {
      return await observe({ isAtRest: (key) => !touched.has(key) });
    } finally {
      this.touched.delete(touched);
    }
  }

  private begin(key: string, ended: Promise<void>): void {
    const running = this.running.get(key) ?? new Set();
    this.running.set(key, running.add(ended));
    for (const touched of this.touched) touched.add(key);
  }

  private end(key: string, ended: Promise<void>): void {
    const running = this.running.get(key);
    running?.delete(ended);
    if (running?.size === 0) this.running.delete(key);
  }
}
