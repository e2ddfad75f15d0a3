/** A claim on one object for as long as a call runs. */
export interface Lock {
  readonly key: string;
  readonly mode: 'exclusive' | 'shared';
}

/** Nobody else may work on this object. */
export function exclusive(key: string): Lock {
  return { key, mode: 'exclusive' };
}

/** Others may share the object, but nobody may have it alone. */
export function shared(key: string): Lock {
  return { key, mode: 'shared' };
}

const HELD_ALONE = -1;

/** Locks by key that are never waited for: whoever finds one held is told to come again. */
export class KeyLocks {
  /** How many share each key, or HELD_ALONE. */
  private readonly held = new Map<string, number>();

  /**
   * Takes all of these locks or none.
   * @returns what releases them, or the key that is held by another
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
