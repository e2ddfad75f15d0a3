import type { PoolConnection } from './pool-connection.ts';

/** One task's use of a pool. The pool is not reconnected while a use lasts. */
export interface PoolUse {
  readonly connection: PoolConnection;
  /**
   * Call before acknowledging anything done in the pool.
   * @throws VolumeError unavailable: the pool's disk was removed since the use began, even if it is back now
   */
  confirm(): Promise<void>;
  /** Frees this use's slot for another use; this use continues. */
  releaseSlot(): void;
  /**
   * Takes a slot again.
   * @throws VolumeError unavailable: the pool does not respond
   */
  regainSlot(): Promise<void>;
  end(): void;
}

/** Tracks the uses of a resource, so that the caller can wait until there are none. */
export class Uses<Use> {
  private readonly all = new Set<Use>();
  private readonly idleListeners: (() => void)[] = [];

  add(use: Use): void {
    this.all.add(use);
  }

  delete(use: Use): void {
    this.all.delete(use);
    if (this.all.size === 0) for (const listener of this.idleListeners.splice(0)) listener();
  }

  get count(): number {
    return this.all.size;
  }

  [Symbol.iterator](): IterableIterator<Use> {
    return this.all.values();
  }

  /** Resolves when there is no use left. */
  idle(): Promise<void> {
    if (this.all.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }
}
