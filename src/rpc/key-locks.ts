/** A claim on one object for the duration of a call. */
export interface Lock {
  readonly key: string;
  readonly mode: 'exclusive' | 'shared';
}

/** No other call may work on this object. */
export function exclusive(key: string): Lock {
  return { key, mode: 'exclusive' };
}

/** Other calls may share the object, but none may have it exclusively. */
export function shared(key: string): Lock {
  return { key, mode: 'shared' };
}

const HELD_ALONE = -1;

/** Locks by key that callers never wait for: a call that finds one held must retry later. */
export class KeyLocks {
  /** The number of shared holders of each key, or HELD_ALONE. */
  private readonly held = new Map<string, number>();

  /**
   * Takes all of these locks or none.
   * @returns a function that releases them, or the key that another call holds
   */
  tryAcquire(locks: readonly Lock[]): { release: () => void } | { heldKey: string } {
    const taken: Lock[] = [];
    const release = () => {
      for (const lock of taken.splice(0)) this.releaseOne(lock.key);
    };
    for (const lock of locks) {
      if (!this.acquireOne(lock)) {
        release();
        return { heldKey: lock.key };
      }
      taken.push(lock);
    }
    return { release };
  }

  private acquireOne({ key, mode }: Lock): boolean {
    const holders = this.held.get(key) ?? 0;
    if (holders === HELD_ALONE || (mode === 'exclusive' && holders > 0)) return false;
    this.held.set(key, mode === 'exclusive' ? HELD_ALONE : holders + 1);
    return true;
  }

  private releaseOne(key: string): void {
    const holders = this.held.get(key) ?? 0;
    if (holders <= 1) this.held.delete(key);
    else this.held.set(key, holders - 1);
  }
}
